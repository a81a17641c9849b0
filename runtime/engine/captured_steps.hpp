#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/cache/expert_cache.hpp"
#include "runtime/device/resident_step.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/workload.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Decode steps as the device runs them by itself (ResidentStep), for a replay: keeps the device's table of
/// experts what the cache says, and puts the trace's routing where a router would have left its choices.
///
/// One host thread. No allocation after construction. All that the constructor is given must outlive it.
class CapturedSteps {
 public:
  /// `step` is one of `tokens` tokens.
  CapturedSteps(std::unique_ptr<ResidentStep> step, const RoutingTrace& trace, const Workload& workload,
                std::uint32_t tokens);

  [[nodiscard]] bool serves(StepKind kind, std::size_t tokens) const noexcept {
    return kind == StepKind::decode && tokens == tokens_;
  }

  /// The cache has begun to bring this expert, or has let it go.
  void changed(ExpertIndex expert) noexcept;
  void changed(std::span<const Evicted> left) noexcept {
    for (const Evicted& e : left) changed(e.ticket.expert);
  }

  /// Submits the step. REQUIRES: the one before has finished; the cache knows of every copy that has.
  void launch(const ExpertCache& cache, std::span<const StepToken> tokens, StreamId compute);
  /// Layers that ran to their end in the step just finished: all, or those before the one that misses
  /// experts, of which only the dense part has run.
  [[nodiscard]] std::uint32_t layers_run();
  /// Throws Error{check_failed} unless the experts of `wanted`, of the layer behind layers_run(), that the
  /// step missed are exactly those that the cache does not hold.
  void check_missing(const ExpertCache& cache, std::span<const ExpertIndex> wanted) const;

 private:
  void update_table(const ExpertCache& cache);

  const RoutingTrace& trace_;
  ExpertGrid grid_;
  std::uint32_t top_k_;
  std::uint32_t tokens_;
  std::unique_ptr<ResidentStep> step_;
  std::vector<ExpertIndex> changed_;      ///< since the latest launch, each once
  std::vector<std::uint8_t> is_changed_;  ///< [experts of the model]
  std::optional<MissingExperts> missing_;
};

}  // namespace prophet
