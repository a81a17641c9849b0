#include "bench/calibrate/step_time_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/step_loop.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t trace_seed = 7;
constexpr double gb_per_s = 1e9;

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
         a.link_bytes_per_s == b.link_bytes_per_s;
}

}  // namespace

std::string StepTimeConfig::describe() const {
  return fmt::format(
      "{} KiB experts, {} of {} slabs, batch {}, {}, {}", expert_bytes / 1024, slabs, layers * experts, batch,
      prefetch ? fmt::format("prefetch in {} KiB chunks", chunk_bytes / 1024) : "on demand",
      link_bytes_per_s == 0 ? "no throttle" : fmt::format("{:.1f} GB/s", link_bytes_per_s / gb_per_s));
}

std::vector<StepTimeConfig> fitting_configs() {
  std::vector<StepTimeConfig> configs;
  for (const std::uint64_t kib : {4096U, 8192U}) {
    for (const double throttle : {0.0, 2.0 * gb_per_s}) {
      for (const std::uint32_t batch : {1U, 4U}) {
        for (const bool prefetch : {false, true}) {
          configs.push_back(
              {6, 16, 2, kib * 1024, batch, prefetch ? 64U : 32U, prefetch, kib * 1024 / 4, throttle});
        }
      }
    }
  }
  return configs;
}

std::vector<StepTimeConfig> held_out_configs() {
  std::vector<StepTimeConfig> configs;
  for (const std::uint64_t kib : {5120U, 6656U}) {
    for (const double throttle : {0.0, 1.5 * gb_per_s}) {
      for (const std::uint32_t slabs : {20U, 48U, 80U}) {
        for (const std::uint32_t batch : {1U, 2U, 3U}) {
          if (throttle != 0 && batch == 2) continue;
          const bool prefetch = ((slabs / 4 + batch) % 2 == 0) == (throttle == 0);
          configs.push_back(
              {6, 16, 2, kib * 1024, batch, slabs, prefetch, kib * 1024 / (batch + 2), throttle});
        }
      }
    }
  }
  return configs;
}

namespace {

Workload workload_of(const StepTimeConfig& config) {
  return custom_workload({config.layers, config.experts}, config.top_k, config.expert_bytes,
                         config.expert_bytes);
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
  engine.cache = {config.slabs, config.top_k * config.batch};
  engine.transfer.chunk_bytes = config.chunk_bytes;
  engine.prefetch = {1, config.top_k * config.batch, 0.1F};
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
  StepLoop loop(device, store, trace, workload, engine, make_policy("lru", policy), oracle.get(),
                schedule.tokens_max());
  while (schedule.next()) loop.step(schedule.kind(), schedule.tokens());
  const std::vector<std::uint64_t>& all = loop.finish().step_ns;
  return typical({all.begin() + std::min<std::ptrdiff_t>(warm_up, std::ssize(all) - 1), all.end()});
}

}  // namespace

std::vector<std::uint64_t> measure_on_cpu(std::span<const StepTimeConfig> configs, std::uint32_t steps) {
  std::vector<std::uint64_t> times;
  for (std::size_t first = 0; first < configs.size(); first = times.size()) {
    const StepTimeConfig& like = configs[first];
    const auto device = make_cpu_device({0, like.link_bytes_per_s});
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
