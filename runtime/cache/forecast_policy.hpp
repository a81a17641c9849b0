#pragma once

#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/index_heap.hpp"

namespace prophet {

/// Evicts the expert whose next use is expected last. What Belady's rule does with the future, this does with
/// an estimate that others make (UseEstimator of predictor/) and hand over with revise(). It knows the cyclic
/// order of the layers: an estimate counts turns of the expert's own layer, which come at that layer's place
/// in the step.
///
/// What a layer has just used is no exception: with staging slabs for its misses, an expert of which little
/// is expected passes through and the cache keeps what is worth more. An expert of which nothing has been
/// said comes after all others, the least recently used first. Each layer has a heap of its own, and the
/// layers one of their tops: O(log slabs) to lease, release and evict, and revise() reads its experts once.
class ForecastPolicy final : public EvictionPolicy {
 public:
  /// `name` must outlive it: whose estimates it follows.
  explicit ForecastPolicy(ExpertGrid grid, std::string_view name = "forecast");

  /// The experts of `layer` [experts], as of its turn that runs now: after how many of its turns, the next
  /// one not counted, a use of each is expected: 0 at the next turn for certain. REQUIRES: no NaN.
  void revise(LayerId layer, std::span<const float> turns_after_next);

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  void begin_layer(LayerId layer, std::uint64_t step) override;
  void lease(ExpertIndex expert) override;
  void miss(ExpertIndex) override {}
  void release(ExpertIndex expert) override;
  void admit_cold(ExpertIndex expert) override;
  [[nodiscard]] ExpertIndex evict() override;
  void withdraw(ExpertIndex expert) override;
  [[nodiscard]] std::uint32_t size() const noexcept override { return size_; }
  [[nodiscard]] bool keeps_rather_than(ExpertIndex wanted) const noexcept override;
  [[nodiscard]] float victim_chance() const noexcept override;
  [[nodiscard]] bool contains(ExpertIndex expert) const noexcept override;

 private:
  using LayerOrder = IndexHeap<double, ExpertId>;

  void push(ExpertKey key, double next_use);
  void remove(ExpertKey key);
  void settle_top(LayerId layer);
  [[nodiscard]] double key_of(ExpertIndex expert) const noexcept;

  ExpertGrid grid_;
  std::string_view name_;
  std::vector<double> next_use_;   ///< [grid.size()] in layers since the first step began
  std::vector<LayerOrder> order_;  ///< [layers] by next use
  IndexHeap<double, LayerId> tops_;
  std::uint32_t size_ = 0;
  double now_ = 0;  ///< in layers since the first step began
  std::uint64_t step_ = 0;
};

}  // namespace prophet
