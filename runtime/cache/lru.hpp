#pragma once

#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/index_list.hpp"

namespace prophet {

/// Least recently used: one list, most recent first. Every call is O(1).
class LruPolicy final : public EvictionPolicy {
 public:
  explicit LruPolicy(ExpertGrid grid);

  [[nodiscard]] std::string_view name() const noexcept override { return "lru"; }
  void begin_layer(LayerId layer, std::uint64_t step) override;
  void lease(ExpertIndex expert) override;
  void miss(ExpertIndex expert) override;
  void release(ExpertIndex expert) override;
  void admit_cold(ExpertIndex expert) override;
  [[nodiscard]] ExpertIndex evict() override;
  void withdraw(ExpertIndex expert) override;
  [[nodiscard]] std::uint32_t size() const noexcept override { return order_.size(); }
  [[nodiscard]] bool contains(ExpertIndex expert) const noexcept override {
    return in_order_[expert.index()];
  }

 private:
  IndexLinks links_;
  IndexList order_;  ///< most recently used at the front
  std::vector<std::uint8_t> in_order_;
};

}  // namespace prophet
