#pragma once

#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/index_heap.hpp"
#include "runtime/cache/request_groups.hpp"

namespace prophet {

/// Belady's rule (1966) over layer groups: the expert whose next use is farthest leaves, of equal ones the
/// highest index. A bound, not a policy that one could run: it looks at requests to come. With as many
/// staging slabs as a layer wants, trimming at the end of a lease lets the running layer's own experts
/// leave, which is Belady with bypass. A prefetch may not push an expert out. O(log experts).
///
/// Each begin_layer() advances to the next group; the caller then acquires exactly that group. After the
/// last group nothing is wanted any more.
class BeladyPolicy final : public EvictionPolicy {
 public:
  /// `future` must outlive the policy. O(requests), 8 bytes a request.
  explicit BeladyPolicy(const RequestGroups& future);

  [[nodiscard]] std::string_view name() const noexcept override { return "belady"; }
  void begin_layer(LayerId layer, std::uint64_t step) override;
  void lease(ExpertIndex expert) override;
  void miss(ExpertIndex expert) override;
  void release(ExpertIndex expert) override;
  void admit_cold(ExpertIndex expert) override;
  [[nodiscard]] ExpertIndex evict() override;
  [[nodiscard]] bool keeps_rather_than(ExpertIndex wanted) const noexcept override {
    return order_.top_key() < next_use_[wanted.index()];
  }
  void withdraw(ExpertIndex expert) override;
  [[nodiscard]] std::uint32_t size() const noexcept override { return order_.size(); }
  [[nodiscard]] bool contains(ExpertIndex expert) const noexcept override { return order_.contains(expert); }
  [[nodiscard]] bool evicts_for_prefetch() const noexcept override { return false; }

 private:
  const RequestGroups& future_;
  IndexHeap<std::uint64_t> order_;        ///< keyed by the next use
  std::vector<std::uint64_t> use_after_;  ///< [requests] see next_uses()
  std::vector<std::uint64_t> next_use_;   ///< [experts] the first use in a group to come
  std::size_t groups_begun_ = 0;
};

}  // namespace prophet
