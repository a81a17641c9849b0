#pragma once

#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/index_heap.hpp"

namespace prophet {

/// Keeps the experts that calibration found hottest; what recent use says does not count. The coldest
/// leaves, of equal ones the highest index. A prefetch may not push a kept expert out. O(log experts).
class StaticPolicy final : public EvictionPolicy {
 public:
  /// `popularity` [grid.size()]: requests in calibration.
  StaticPolicy(ExpertGrid grid, std::span<const std::uint64_t> popularity);

  [[nodiscard]] std::string_view name() const noexcept override { return "static"; }
  void begin_layer(LayerId layer, std::uint64_t step) override;
  void lease(ExpertIndex expert) override;
  void miss(ExpertIndex expert) override;
  void release(ExpertIndex expert) override;
  void admit_cold(ExpertIndex expert) override;
  [[nodiscard]] ExpertIndex evict() override;
  [[nodiscard]] bool keeps_rather_than(ExpertIndex wanted) const noexcept override {
    return order_.top_key() < coldness_[wanted.index()];
  }
  void withdraw(ExpertIndex expert) override;
  [[nodiscard]] std::uint32_t size() const noexcept override { return order_.size(); }
  [[nodiscard]] bool contains(ExpertIndex expert) const noexcept override { return order_.contains(expert); }
  [[nodiscard]] bool evicts_for_prefetch() const noexcept override { return false; }

 private:
  IndexHeap<std::uint64_t> order_;       ///< keyed by coldness
  std::vector<std::uint64_t> coldness_;  ///< [experts] larger leaves sooner
};

}  // namespace prophet
