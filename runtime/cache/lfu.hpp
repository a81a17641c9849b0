#pragma once

#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/index_heap.hpp"

namespace prophet {

/// Least frequently used, with exponential decay. An expert's score at step t is the sum over its uses u of
/// 2^((u - t) / half_life): a use counts half as much after half_life steps. Decay scales all scores alike,
/// so their order needs no upkeep: what is kept is log2 of the sum of 2^(u / half_life), which never
/// overflows. Scores outlive eviction, as one number an expert. The smallest score leaves; of equal ones the
/// highest index. O(log experts).
class LfuPolicy final : public EvictionPolicy {
 public:
  /// The best of the powers of two on recorded gpt-oss-20b decoding with room for a quarter of the experts:
  /// longer ones follow a change of topic too late, shorter ones approach LRU.
  static constexpr double default_half_life_steps = 16.0;

  /// REQUIRES: half_life_steps > 0 and finite.
  LfuPolicy(ExpertGrid grid, double half_life_steps);

  [[nodiscard]] std::string_view name() const noexcept override { return "lfu"; }
  void begin_layer(LayerId layer, std::uint64_t step) override;
  void lease(ExpertIndex expert) override;
  void miss(ExpertIndex expert) override;
  void release(ExpertIndex expert) override;
  void admit_cold(ExpertIndex expert) override;
  [[nodiscard]] ExpertIndex evict() override;
  void withdraw(ExpertIndex expert) override;
  [[nodiscard]] std::uint32_t size() const noexcept override { return order_.size(); }
  [[nodiscard]] bool contains(ExpertIndex expert) const noexcept override { return order_.contains(expert); }

 private:
  IndexHeap<double> order_;  ///< keyed by minus the score; infinity goes first
  std::vector<double> log2_score_;
  double half_life_steps_;
  double now_ = 0;  ///< step / half_life
};

}  // namespace prophet
