#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "bench/micro/part_clock.hpp"
#include "predictor/predictor.hpp"
#include "predictor/use_estimator.hpp"
#include "predictor/use_model.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/cache/forecast_policy.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/layer_requests.hpp"
#include "runtime/engine/prefetch_fates.hpp"
#include "runtime/engine/prefetcher.hpp"
#include "runtime/engine/replayed_model.hpp"
#include "runtime/engine/slab_memory.hpp"
#include "runtime/transfer/host_store.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet::micro {

struct DecisionCase {
  const RoutingTrace& trace;
  std::span<const SequenceId> replayed;
  Workload workload;
  const UseModel& use_model;
  Predictor& predictor;
  std::uint32_t batch = 1;
  std::uint32_t cache_slabs = 0;
};

/// What the layers so far asked for and did; says whether the routing was like a real one.
struct DecisionCounts {
  std::uint64_t layers = 0;
  std::uint64_t wanted = 0;
  std::uint64_t missed = 0;
};

/// The decode steps of StepLoop with policy forecast and prefetches that pay, layer by layer, in its order of
/// calls, on a simulated H100 that has memory for any number of slabs; what it decides is timed part by part.
/// The policy, the cache, the prefetcher and the queue are those that every run uses.
class DecisionLayers {
 public:
  /// The cache is full of experts, and `steps` decode steps have run, before it returns. What `what` refers
  /// to must outlive it.
  DecisionLayers(const DecisionCase& what, std::uint64_t steps);

  /// Runs the next layer; when a lane finds no further sequence, the schedule starts again.
  void run_layer();
  /// Of the last run_layer().
  [[nodiscard]] std::uint64_t spent_ns(Part part) const noexcept { return clock_.spent_ns(part); }
  /// See PartClock.
  [[nodiscard]] std::uint64_t reading_ns() const noexcept { return clock_.reading_ns(); }
  [[nodiscard]] const DecisionCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t prefetches() const noexcept { return prefetcher_.issued(); }

 private:
  void fill_cache();
  void start_step();
  void plan_prefetches();
  void wait_for_router();
  void estimate_uses(LayerId layer);
  void lease_and_run(LayerId layer);
  void run_leased(const LayerLease& lease);

  PartClock clock_;
  ClockedDevice device_;
  Workload workload_;
  ClockedPredictor predictor_;
  BatchSchedule schedule_at_start_;
  BatchSchedule schedule_;
  HostStore store_;
  SlabMemory slabs_;
  ForecastPolicy* policy_;  ///< the cache's
  ExpertCache cache_;
  TransferQueue transfers_;
  PrefetchFates fates_;
  Prefetcher prefetcher_;
  UseEstimator estimator_;
  ReplayedModel model_;
  LayerRequests requests_;
  Stream compute_;
  Event router_done_;
  std::optional<LayerId> prefetch_after_;
  std::uint64_t step_ = 0;
  std::uint32_t next_layer_ = 0;
  DecisionCounts counts_;
};

}  // namespace prophet::micro
