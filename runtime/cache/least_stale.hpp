#pragma once

#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/index_list.hpp"
#include "runtime/cache/layer_set.hpp"

namespace prophet {

/// Least-Stale: our reading of the policy that SpecMD (arXiv 2602.03921) names, which uses that layers run
/// in a cycle. An expert is stale when the most recent pass of its layer did not use it, and the pass that
/// runs now counts from its beginning. Stale experts leave first, those of the layer whose next turn is
/// farthest ahead before others (the layer that runs now is a full cycle away). When all are fresh, the
/// layer whose next turn is farthest gives one. Within a layer the least recently used leaves.
/// O(layers / 64) to evict, O(1) else.
class LeastStalePolicy final : public EvictionPolicy {
 public:
  explicit LeastStalePolicy(ExpertGrid grid);

  [[nodiscard]] std::string_view name() const noexcept override { return "least-stale"; }
  void begin_layer(LayerId layer, std::uint64_t step) override;
  void lease(ExpertIndex expert) override;
  void miss(ExpertIndex expert) override;
  void release(ExpertIndex expert) override;
  void admit_cold(ExpertIndex expert) override;
  [[nodiscard]] ExpertIndex evict() override;
  void withdraw(ExpertIndex expert) override;
  [[nodiscard]] std::uint32_t size() const noexcept override { return size_; }
  [[nodiscard]] bool contains(ExpertIndex expert) const noexcept override {
    return place_[expert.index()] != Place::outside;
  }

 private:
  enum class Place : std::uint8_t { outside, layer, cold };

  struct Layer {
    IndexList order;          ///< most recently used first, so the fresh ones precede the stale ones
    std::uint32_t fresh = 0;  ///< how many of `order` the most recent pass used
    std::uint64_t pass = 0;   ///< passes begun
  };

  void mark(LayerId layer);

  ExpertGrid grid_;
  IndexLinks links_;
  std::vector<Layer> layers_;
  IndexList cold_;
  std::vector<Place> place_;
  std::vector<std::uint64_t> used_in_pass_;  ///< [experts] the pass of its layer that used it last
  LayerSet with_stale_;
  LayerSet with_fresh_;
  LayerId running_;
  std::uint32_t size_ = 0;
};

}  // namespace prophet
