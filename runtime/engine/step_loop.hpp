#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "predictor/predictor.hpp"
#include "predictor/use_estimator.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/cache/forecast_policy.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/captured_steps.hpp"
#include "runtime/engine/computed_elsewhere.hpp"
#include "runtime/engine/layer_requests.hpp"
#include "runtime/engine/prefetch_fates.hpp"
#include "runtime/engine/prefetcher.hpp"
#include "runtime/engine/replay_metrics.hpp"
#include "runtime/engine/slab_memory.hpp"
#include "runtime/engine/step_model.hpp"
#include "runtime/transfer/host_store.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet {

struct EngineOptions {
  CacheSize cache;
  TransferOptions transfer;
  PrefetchOptions prefetch;
  MissOptions miss;
  double prefetch_useful_min = 0.2;  ///< see PrefetchFates
  bool verify = true;                ///< every leased slab's contents are compared with the host store's
  bool bypass_prefill = true;        ///< prefill passes do not disturb the decode working set
  /// Decode steps of so many tokens run as captured ones (CapturedSteps) where the device has them and
  /// nothing is copied ahead of its use, for which they leave the host no place between layers; 0: none do.
  std::uint32_t captured_tokens = 0;
};

/// Runs steps through the layers of a model whose experts are partly on the device: the life of one step is
/// told in docs/architecture.md. Causality: a layer's routing is read only after the host has seen that
/// layer's router finish on the compute stream.
///
/// One host thread. No heap allocation in step() after the first steps. The device, store, model and
/// predictor must outlive it. An Error thrown by step() leaves the loop fit only for destruction.
class StepLoop {
 public:
  /// `predictor` may be null: then nothing is prefetched.
  StepLoop(Device& device, const HostStore& store, StepModel& model, const EngineOptions& options,
           std::unique_ptr<EvictionPolicy> policy, Predictor* predictor, std::uint32_t tokens_max);

  /// The cache's policy, which must be the one given, follows these estimates. Before the first step; both
  /// must outlive the loop.
  void follow(UseEstimator& estimator, ForecastPolicy& policy) noexcept {
    estimator_ = &estimator;
    forecast_policy_ = &policy;
  }
  /// Brings experts into the cache, in ascending order, until it is full. Not counted.
  void preload();
  /// The same with these experts, ascending, the cache slabs of them at most.
  void preload(std::span<const ExpertIndex> experts);
  /// One pass of `tokens` through all layers.
  void step(StepKind kind, std::span<const StepToken> tokens);
  /// Waits for everything and returns the measurement so far; prefetches still unused count as wasted.
  [[nodiscard]] const ReplayMetrics& finish();
  /// For another tenant of the slabs, a KvTenant say, between steps. What leaves the cache for it, it must
  /// tell with left(), so that nothing more is copied for that.
  [[nodiscard]] ExpertCache& shared_cache() noexcept { return cache_; }
  [[nodiscard]] TransferQueue& transfers() noexcept { return transfers_; }
  [[nodiscard]] StreamId compute_stream() const noexcept { return compute_.id(); }
  void left(std::span<const Evicted> evicted);
  /// The measurement so far: what no wait is needed for, that is requests, passes and steps.
  [[nodiscard]] const ReplayMetrics& counts() const noexcept { return metrics_; }

  /// Makes room for the times of `steps` steps, so that recording them allocates nothing.
  void expect_steps(std::uint64_t steps);

  /// Whether decode steps of options.captured_tokens run as captured ones.
  [[nodiscard]] bool captures() const noexcept { return captured_ != nullptr; }
  [[nodiscard]] const ExpertCache& cache() const noexcept { return cache_; }
  [[nodiscard]] const SlabMemory& slabs() const noexcept { return slabs_; }
  /// What the ways of a miss cost on the device; nothing where all misses are copied.
  [[nodiscard]] const MissCosts* miss_costs() const noexcept {
    return elsewhere_ ? &elsewhere_->costs() : nullptr;
  }

 private:
  [[nodiscard]] PassTotals totals();
  void estimate_uses(LayerId layer, StepKind kind, std::span<const StepToken> tokens);
  void run_layers(StepKind kind, std::span<const StepToken> tokens);
  [[nodiscard]] std::uint32_t run_captured(std::span<const StepToken> tokens);
  void book_captured_layer(LayerId layer, std::span<const StepToken> tokens);
  void run_layer(LayerId layer, StepKind kind, std::span<const StepToken> tokens);
  void run_routed_layer(LayerId layer, StepKind kind, std::span<const StepToken> tokens);
  void gather(LayerId layer, std::span<const StepToken> tokens);
  void prepare_forecasts(LayerId layer);
  void plan_prefetches();
  void wait_for_router();
  void pump();
  void observe(LayerId layer, StepKind kind, std::span<const StepToken> tokens);
  void run_experts(LayerId layer, StepKind kind, std::uint32_t tokens);
  void acquire_and_run(LayerId layer, std::span<const ExpertIndex> wanted, bool bypass, std::uint32_t tokens);
  void run_with_elsewhere(LayerId layer, std::uint32_t tokens);
  void keep_computed_elsewhere();
  void count_elsewhere(LayerId layer);
  void run_round(LayerId layer, const LayerLease& lease, std::uint32_t tokens);
  void start_copies(const LayerLease& lease);
  void demand(const SlabTicket& ticket);
  void launch_expert(LayerId layer, const Acquired& acquired, std::uint32_t tokens);
  void count(LayerId layer, const Acquired& acquired);
  void finish_step(std::span<const StepToken> tokens);

  Device& device_;
  const HostStore& store_;
  StepModel& model_;
  Workload workload_;
  EngineOptions options_;
  SlabMemory slabs_;
  ExpertCache cache_;
  std::unique_ptr<CapturedSteps>
      captured_;  ///< null: none; goes after transfers_, whose end waits for the device
  TransferQueue transfers_;
  PrefetchFates fates_;
  Predictor* predictor_;
  UseEstimator* estimator_ = nullptr;  ///< with forecast_policy_, or neither
  ForecastPolicy* forecast_policy_ = nullptr;
  std::unique_ptr<Prefetcher> prefetcher_;
  std::optional<LayerId> prefetch_after_;  ///< a layer of a decode step whose prefetches are to be planned
  LayerRequests requests_;
  std::vector<ExpertIndex> deferred_;  ///< what the running round could not hold
  Stream compute_;
  Event router_done_;
  Event step_done_;
  std::unique_ptr<ComputedElsewhere> elsewhere_;  ///< null: all misses are copied
  ReplayMetrics metrics_;
  std::uint64_t step_number_ = 0;
  std::uint64_t started_ns_ = 0;
  StreamTimes times_at_start_;
  std::uint64_t host_ns_at_start_ = 0;
  bool started_ = false;
};

}  // namespace prophet
