#pragma once

#include <cstdint>
#include <vector>

#include "prophet/expert_grid.hpp"

namespace prophet {

/// The miss-ratio curve of the tokens that come in now, estimated while they come: how many copies a pass of
/// any number of tokens would take, with a cache of any size that keeps what has been chosen most of late, as
/// LfuPolicy does. From one decayed count an expert, which says with which chance a token chooses it; tokens
/// of a pass are taken to choose independently, so that n of them want an expert with 1 - (1 - chance)^n.
///
/// It errs on the low side where counts are few, since it sorts by the very counts that it adds up. One
/// thread. No allocation after construction.
class RunningCurve {
 public:
  /// Tokens in which a choice of experts hardly changes and an estimate has settled.
  static constexpr double default_half_life_tokens = 512;

  /// REQUIRES: half_life_tokens > 0 and finite.
  explicit RunningCurve(ExpertGrid grid, double half_life_tokens = default_half_life_tokens);

  /// A pass of so many tokens begins: what came before weighs less. O(1), at times O(experts).
  void begin_pass(std::uint32_t tokens);
  /// A token of the pass has chosen this expert. REQUIRES: once an expert and token; of the grid.
  void request(ExpertIndex expert) noexcept { scores_[expert.index()] += weight_; }

  /// Estimates the curve from what has come so far. O(experts log experts).
  void update();
  /// Distinct experts that a pass of `tokens` tokens, which need not be whole, wants beside the `slabs` most
  /// chosen ones, as update() left them. O(experts).
  [[nodiscard]] double misses(double tokens, std::uint32_t slabs) const noexcept;

 private:
  double growth_exponent_;       ///< log2 of how much more a token weighs than the one before
  double weight_ = 1;            ///< of a choice of this pass
  double tokens_ = 0;            ///< sum of the weights of all tokens
  std::vector<double> scores_;   ///< [experts] sum of the weights of its choices
  std::vector<double> chances_;  ///< [experts] that a token chooses it, largest first
};

}  // namespace prophet
