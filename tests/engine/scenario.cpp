#include "tests/engine/scenario.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet::engine_test {
namespace {

constexpr float weight_scale = 0.08F;

RoutingTrace draw_trace(const ScenarioOptions& options) {
  SynthOptions synth;
  synth.layers = options.layers;
  synth.experts = options.experts;
  synth.top_k = options.top_k;
  synth.sequences = options.sequences;
  synth.mean_sequence_tokens = options.mean_tokens;
  synth.max_sequence_tokens = 4 * options.mean_tokens;
  synth.prefill_tokens = options.prefill_tokens;
  synth.seed = options.seed;
  return synthesise(synth);
}

}  // namespace

std::vector<std::string> replayable_predictors() {
  std::vector<std::string> names = predictor_names();
  std::erase_if(names, [](const std::string& name) { return predictor_needs_routers(name); });
  return names;
}

Scenario::Scenario(const ScenarioOptions& options) : Scenario(draw_trace(options), options) {}

Scenario::Scenario(RoutingTrace trace, const ScenarioOptions& options)
    : trace_(std::move(trace)),
      split_(split_sequences(trace_, 0, options.train_fraction, options.seed)),
      workload_(custom_workload(trace_.shape().grid, trace_.shape().top_k, options.expert_bytes, 8192)) {}

Replay Scenario::middling() const {
  Replay how;
  how.engine.cache = {std::max(1U, workload_.grid.size() / 3), 2};
  how.engine.transfer.chunk_bytes = std::max<std::uint64_t>(1, workload_.expert_bytes / 4);
  how.engine.prefetch.width = workload_.top_k;
  return how;
}

RequestGroups Scenario::requests(const ScheduleOptions& schedule) const {
  return collect_requests(trace_, BatchSchedule(trace_, split_.test, schedule));
}

std::unique_ptr<EvictionPolicy> Scenario::policy(const Replay& how, const RequestGroups& future) const {
  const std::vector<std::uint64_t> popularity = count_popularity(trace_, split_.train);
  PolicyOptions options;
  options.grid = workload_.grid;
  options.cache_slabs = how.engine.cache.cache_slabs;
  options.popularity = popularity;
  options.future = &future;
  return make_policy(how.policy, options);
}

ReplayMetrics Scenario::replay(Device& device, const Replay& how, const std::function<void()>& at_end) const {
  BatchSchedule steps(trace_, split_.test, how.schedule);
  const RequestGroups future = requests(how.schedule);
  PredictorOptions options;
  options.grid = workload_.grid;
  options.top_k = workload_.top_k;
  options.lanes = how.schedule.lanes;
  options.trace = &trace_;
  options.training = split_.train;
  options.future = {future.offsets, future.experts};
  const std::unique_ptr<Predictor> named =
      how.test_predictor == nullptr ? make_predictor(how.predictor, options) : nullptr;
  Predictor* const predictor = how.test_predictor != nullptr ? how.test_predictor : named.get();
  const HostStore store(device, workload_.grid, workload_.expert_bytes,
                        random_weights(how.seed, weight_scale));
  ReplayedModel model(device, trace_, workload_, steps.tokens_max(), how.seed);
  StepLoop loop(device, store, model, how.engine, policy(how, future), predictor, steps.tokens_max());
  loop.expect_steps(trace_.tokens());
  if (how.preload) loop.preload();
  while (steps.next()) {
    loop.step(steps.kind(), steps.tokens());
    if (how.after_step) how.after_step(loop, steps.kind());
  }
  const ReplayMetrics metrics = loop.finish();
  loop.cache().check_invariants();
  if (at_end) at_end();
  return metrics;
}

GpuProfile balanced_profile() {
  GpuProfile profile;
  profile.name = "balanced";
  profile.memory_bytes = 1ULL << 40;
  profile.memory_bytes_per_s = 20e9;
  profile.flops_per_s = 1e15;
  profile.link_bytes_per_s = 5e9;
  profile.link_down_bytes_per_s = 5e9;
  profile.copy_latency_ns = 100;
  profile.launch_latency_ns = 100;
  profile.event_latency_ns = 50;
  profile.host_submit_ns = 20;
  profile.host_wake_ns = 200;
  profile.copy_rate_while_computing = 0.9;
  profile.compute_rate_while_copying = 0.95;
  return profile;
}

std::unique_ptr<Device> balanced_sim() {
  return make_sim_device(balanced_profile(), {});
}

std::unique_ptr<Device> cpu() {
  return make_cpu_device({});
}

void expect_conserved(const ReplayMetrics& metrics) {
  const TransferBytes& bytes = metrics.bytes;
  EXPECT_EQ(bytes.copied, bytes.demand + bytes.fill + bytes.prefetch_useful + bytes.prefetch_wasted +
                              bytes.prefetch_cancelled);
  EXPECT_LE(bytes.prefetch_late, bytes.prefetch_useful);
  LayerCounts sum;
  for (const LayerCounts& layer : metrics.layers) {
    sum.requests += layer.requests;
    sum.hit_on_time += layer.hit_on_time;
    sum.hit_late += layer.hit_late;
    sum.miss += layer.miss;
    sum.host += layer.host;
    sum.in_place += layer.in_place;
  }
  EXPECT_EQ(sum.requests, metrics.total.requests);
  EXPECT_EQ(sum.hit_on_time, metrics.total.hit_on_time);
  EXPECT_EQ(sum.hit_late, metrics.total.hit_late);
  EXPECT_EQ(sum.miss, metrics.total.miss);
  EXPECT_EQ(sum.host, metrics.total.host);
  EXPECT_EQ(sum.in_place, metrics.total.in_place);
  EXPECT_EQ(sum.requests, sum.hit_on_time + sum.hit_late + sum.miss + sum.host + sum.in_place);
  EXPECT_EQ(metrics.step_ns.size(), metrics.steps);
}

void expect_same_requests(const ReplayMetrics& a, const ReplayMetrics& b) {
  EXPECT_EQ(a.steps, b.steps);
  EXPECT_EQ(a.prefill_passes, b.prefill_passes);
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.total.requests, b.total.requests);
  EXPECT_EQ(a.slabs_verified, b.slabs_verified);
  ASSERT_EQ(a.layers.size(), b.layers.size());
  for (std::size_t l = 0; l < a.layers.size(); ++l) EXPECT_EQ(a.layers[l].requests, b.layers[l].requests);
}

}  // namespace prophet::engine_test
