#include "bench/calibrate/step_time_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/make_device.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/replayed_model.hpp"
#include "runtime/engine/step_loop.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t trace_seed = 7;

RoutingTrace config_trace(const StepTimeConfig& config, std::uint32_t steps) {
  SynthOptions options;
  options.layers = config.layers;
  options.experts = config.experts;
  options.top_k = config.top_k;
  options.sequences = config.batch;
  options.mean_sequence_tokens = steps;
  options.max_sequence_tokens = steps;
  options.seed = trace_seed;
  return synthesise(options);
}

/// Mean of the middle four fifths: neither a few preempted steps nor a distribution with two humps, one of
/// steps with a miss and one of those without, makes it jump.
std::uint64_t typical(std::vector<std::uint64_t> values) {
  std::sort(values.begin(), values.end());
  const auto cut = static_cast<std::ptrdiff_t>(values.size() / 10);
  const std::uint64_t sum = std::accumulate(values.begin() + cut, values.end() - cut, std::uint64_t{0});
  return sum / (values.size() - 2 * static_cast<std::size_t>(cut));
}

bool shares_device(const StepTimeConfig& a, const StepTimeConfig& b) {
  return a.layers == b.layers && a.experts == b.experts && a.expert_bytes == b.expert_bytes &&
         a.hidden_size == b.hidden_size && a.link_bytes_per_s == b.link_bytes_per_s;
}

}  // namespace

std::string StepTimeConfig::describe() const {
  return fmt::format(
      "{} KiB experts, {} of {} slabs, batch {}, {}, {}", expert_bytes / 1024, slabs, layers * experts, batch,
      prefetch ? fmt::format("prefetch in {} KiB chunks", chunk_bytes / 1024) : "on demand",
      link_bytes_per_s == 0 ? "no throttle" : fmt::format("{:.1f} GB/s", link_bytes_per_s / 1e9));
}

namespace {

Workload workload_of(const StepTimeConfig& config) {
  Workload workload = custom_workload({config.layers, config.experts}, config.top_k, config.expert_bytes,
                                      config.expert_bytes);
  if (config.hidden_size != 0) workload.hidden_size = config.hidden_size;
  return workload;
}

/// A layer has no more different experts than it has.
std::uint32_t experts_of_layer(const StepTimeConfig& config) {
  return std::min(config.experts, config.top_k * config.batch);
}

HostStore host_store(Device& device, const StepTimeConfig& config) {
  const Workload workload = workload_of(config);
  return {device, workload.grid, workload.expert_bytes, random_weights(1, 0.05F)};
}

std::uint64_t typical_step_ns(Device& device, const HostStore& store, const StepTimeConfig& config,
                              std::uint32_t steps) {
  const std::uint32_t warm_up = steps / 4;
  const RoutingTrace trace = config_trace(config, steps + warm_up);
  const SequenceSplit split = split_sequences(trace, 0, 0, 0);
  BatchSchedule schedule(trace, split.test, {config.batch, steps + warm_up, 512});
  const RequestGroups future = collect_requests(trace, schedule);
  const Workload workload = workload_of(config);

  EngineOptions engine;
  engine.cache = {config.slabs, experts_of_layer(config)};
  engine.transfer.chunk_bytes = config.chunk_bytes;
  engine.prefetch = {1, experts_of_layer(config), 0.1F};
  engine.verify = false;
  PolicyOptions policy;
  policy.grid = workload.grid;
  policy.cache_slabs = config.slabs;
  PredictorOptions predictor;
  predictor.grid = workload.grid;
  predictor.top_k = config.top_k;
  predictor.lanes = config.batch;
  predictor.future = {future.offsets, future.experts};
  const auto oracle = make_predictor(config.prefetch ? "oracle" : "none", predictor);
  ReplayedModel model(device, trace, workload, schedule.tokens_max(), 0);
  StepLoop loop(device, store, model, engine, make_policy("lru", policy), oracle.get(),
                schedule.tokens_max());
  if (config.slabs == workload.grid.size()) loop.preload();
  while (schedule.next()) loop.step(schedule.kind(), schedule.tokens());
  const std::vector<std::uint64_t>& all = loop.finish().step_ns;
  return typical({all.begin() + std::min<std::ptrdiff_t>(warm_up, std::ssize(all) - 1), all.end()});
}

}  // namespace

std::vector<std::uint64_t> measure_steps(const std::string& device_name,
                                         std::span<const StepTimeConfig> configs, std::uint32_t steps) {
  std::vector<std::uint64_t> times;
  for (std::size_t first = 0; first < configs.size(); first = times.size()) {
    const StepTimeConfig& like = configs[first];
    DeviceOptions options;
    options.link_bytes_per_s = like.link_bytes_per_s;
    options.experts = like.experts;
    const auto device = make_device(device_name, options);
    const HostStore store = host_store(*device, like);
    for (std::size_t c = first; c < configs.size() && shares_device(configs[c], like); ++c)
      times.push_back(typical_step_ns(*device, store, configs[c], steps));
  }
  return times;
}

std::uint64_t predict_on_sim(const StepTimeConfig& config, const GpuProfile& profile, std::uint32_t steps) {
  GpuProfile throttled = profile;
  if (config.link_bytes_per_s != 0)
    throttled.link_bytes_per_s = std::min(profile.link_bytes_per_s, config.link_bytes_per_s);
  const auto device = make_sim_device(throttled, {0, 0, false});
  return typical_step_ns(*device, host_store(*device, config), config, steps);
}

}  // namespace prophet
