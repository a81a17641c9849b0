#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"

namespace prophet {

/// The miss-ratio curve of the requests that come in now, estimated while they come: how many of them a cache
/// of each size would meet that keeps what has been wanted most of late, as LfuPolicy does. From one decayed
/// count an expert: a pass's requests weigh half as much after `half_life_passes` passes. The curve is
/// concave, so its slope at the present size is the worth of one more slab.
///
/// It errs on the high side where counts are few, since it sorts by the very counts that it adds up. One
/// thread. No allocation after construction.
class RunningCurve {
 public:
  /// Passes in which a choice of experts hardly changes and an estimate has settled.
  static constexpr double default_half_life_passes = 64;

  /// REQUIRES: half_life_passes > 0 and finite.
  explicit RunningCurve(ExpertGrid grid, double half_life_passes = default_half_life_passes);

  /// A pass begins: what came before weighs less. O(1), at times O(experts).
  void begin_pass();
  /// The pass wants this expert. REQUIRES: once an expert and pass; of the grid.
  void request(ExpertIndex expert) noexcept { scores_[expert.index()] += weight_; }

  /// Estimates the curve from what has come so far. O(experts log experts).
  void update();
  /// [grid.size() + 1]: requests of a pass met with so many slabs, as update() left it.
  [[nodiscard]] std::span<const double> hits() const noexcept { return hits_; }
  /// Requests of a pass, met or not.
  [[nodiscard]] double requests() const noexcept { return hits_.back(); }
  /// Requests of a pass that `more` slabs on top of `slabs` would meet, a slab; 0 from the last expert on.
  [[nodiscard]] double gain_per_slab(std::uint32_t slabs, std::uint32_t more) const noexcept;
  /// Requests of a pass that would no longer be met with `fewer` slabs less, a slab.
  [[nodiscard]] double loss_per_slab(std::uint32_t slabs, std::uint32_t fewer) const noexcept;

 private:
  double growth_;                ///< of the weight of a request, from one pass to the next
  double weight_ = 1;            ///< of a request of this pass
  double passes_ = 0;            ///< sum of the weights of all passes
  std::vector<double> scores_;   ///< [experts] sum of the weights of its requests
  std::vector<double> by_rank_;  ///< [experts] the same, largest first
  std::vector<double> hits_;
};

}  // namespace prophet
