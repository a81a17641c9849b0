#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/device/device.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/replayed_model.hpp"
#include "runtime/engine/step_loop.hpp"
#include "runtime/engine/workload.hpp"
#include "runtime/model/gpu_profile.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet::engine_test {

/// The sizes of a drawn trace and of the model that it belongs to.
struct ScenarioOptions {
  std::uint32_t layers = 4;
  std::uint32_t experts = 12;
  std::uint32_t top_k = 2;
  std::uint32_t sequences = 6;
  std::uint32_t mean_tokens = 12;
  std::uint32_t prefill_tokens = 0;
  std::uint64_t expert_bytes = 4608;
  double train_fraction = 0.34;
  std::uint64_t seed = 1;
};

/// Those of predictor_names() that recorded routing can feed.
[[nodiscard]] std::vector<std::string> replayable_predictors();

/// How one replay keeps its experts.
struct Replay {
  std::string policy = "lru";
  std::string predictor = "none";
  EngineOptions engine;
  ScheduleOptions schedule;
  std::uint64_t seed = 0;  ///< of weights and activations, where there are bytes
  bool preload = false;
  Predictor* test_predictor = nullptr;  ///< instead of `predictor`
  std::function<void(StepLoop&, StepKind)> after_step;
};

/// A trace, what is replayed of it, and the model's sizes.
class Scenario {
 public:
  explicit Scenario(const ScenarioOptions& options);
  Scenario(RoutingTrace trace, const ScenarioOptions& options);

  /// Slabs, chunks and prefetch of a middling case: a third of the experts, some staging.
  [[nodiscard]] Replay middling() const;
  /// Runs all steps on `device`; the cache's invariants hold afterwards. `at_end` is called when everything
  /// has been measured and nothing is destroyed yet.
  [[nodiscard]] ReplayMetrics replay(Device& device, const Replay& how,
                                     const std::function<void()>& at_end = {}) const;
  [[nodiscard]] RequestGroups requests(const ScheduleOptions& schedule) const;
  [[nodiscard]] std::unique_ptr<EvictionPolicy> policy(const Replay& how, const RequestGroups& future) const;

  [[nodiscard]] const RoutingTrace& trace() const noexcept { return trace_; }
  [[nodiscard]] const SequenceSplit& split() const noexcept { return split_; }
  [[nodiscard]] const Workload& workload() const noexcept { return workload_; }

 private:
  RoutingTrace trace_;
  SequenceSplit split_;
  Workload workload_;
};

/// A sim whose copies take about as long as its layers, so that prefetches are on time, late and cancelled.
[[nodiscard]] GpuProfile balanced_profile();
[[nodiscard]] std::unique_ptr<Device> balanced_sim();
[[nodiscard]] std::unique_ptr<Device> cpu();

/// Every byte copied is in one class, and the requests are the sum of what they met.
void expect_conserved(const ReplayMetrics& metrics);
/// What a replay must report whatever the timing: requests, and what was verified.
void expect_same_requests(const ReplayMetrics& a, const ReplayMetrics& b);

/// Names any experts with any probability, and sometimes has nothing to say.
class HostilePredictor final : public Predictor {
 public:
  explicit HostilePredictor(std::uint64_t seed) : random_(seed) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "hostile"; }
  void start_lane(LaneId) override {}
  void observe(LaneId, LayerId, std::span<const ExpertId>) override {}
  [[nodiscard]] bool forecast(LayerId, LayerId, std::span<float> probability) override {
    if (random_.chance(0.1)) return false;
    for (float& p : probability) p = static_cast<float>(random_.uniform());
    return true;
  }

 private:
  Random random_;
};

}  // namespace prophet::engine_test
