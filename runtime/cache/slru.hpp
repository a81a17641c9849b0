#pragma once

#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/index_list.hpp"

namespace prophet {

/// Segmented LRU (Karedla, Love and Wherry, 1994). A first use puts an expert into the probation segment, a
/// use while it is cached into the protected one. Protected holds at most 80 % of the slabs; what falls out
/// of it becomes the most recent of probation. Victims come from the end of probation, then of protected.
/// Every call is O(1).
class SlruPolicy final : public EvictionPolicy {
 public:
  static constexpr std::uint32_t protected_percent = 80;

  SlruPolicy(ExpertGrid grid, std::uint32_t cache_slabs);

  [[nodiscard]] std::string_view name() const noexcept override { return "slru"; }
  void begin_layer(LayerId layer, std::uint64_t step) override;
  void lease(ExpertIndex expert) override;
  void miss(ExpertIndex expert) override;
  void release(ExpertIndex expert) override;
  void admit_cold(ExpertIndex expert) override;
  [[nodiscard]] ExpertIndex evict() override;
  void withdraw(ExpertIndex expert) override;
  [[nodiscard]] std::uint32_t size() const noexcept override { return probation_.size() + protected_.size(); }
  [[nodiscard]] bool contains(ExpertIndex expert) const noexcept override {
    const Place place = place_[expert.index()];
    return place == Place::probation || place == Place::cold || place == Place::protected_segment;
  }

 private:
  /// Cold experts stand at the end of probation; their first use is still to come.
  enum class Place : std::uint8_t { outside, probation, cold, protected_segment, leased_for_protected };

  IndexLinks links_;
  IndexList probation_;
  IndexList protected_;
  std::vector<Place> place_;
  std::uint32_t protected_max_;
};

}  // namespace prophet
