#include "tests/engine/simulation_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"

namespace prophet::engine_test {
namespace {

/// Uniform in [low, high].
std::uint32_t between(Random& random, std::uint32_t low, std::uint32_t high) {
  return low + static_cast<std::uint32_t>(random.below(high - low + 1));
}

/// Uniform in the logarithm.
double spread(Random& random, double low, double high) {
  return low * std::pow(high / low, random.uniform());
}

template <class T>
T one_of(Random& random, const std::vector<T>& from) {
  return from[random.below(from.size())];
}

GpuProfile draw_profile(Random& random) {
  GpuProfile profile;
  profile.name = "drawn";
  profile.memory_bytes = 1ULL << 40;
  profile.memory_bytes_per_s = spread(random, 1e9, 1e12);
  profile.flops_per_s = spread(random, 1e10, 1e14);
  profile.link_bytes_per_s = spread(random, 1e8, 1e11);
  profile.link_down_bytes_per_s = profile.link_bytes_per_s;
  const auto latency = [&] { return random.chance(0.2) ? 0U : between(random, 1, 4000); };
  profile.host_cores = between(random, 1, 64);
  profile.host_memory_bytes_per_s = spread(random, 1e8, 1e12);
  profile.host_flops_per_s = spread(random, 1e9, 1e13);
  profile.zero_copy_bytes_per_s = profile.link_bytes_per_s * (0.1 + 0.9 * random.uniform());
  profile.copy_latency_ns = latency();
  profile.launch_latency_ns = latency();
  profile.event_latency_ns = latency();
  profile.host_submit_ns = latency() / 2;
  profile.host_wake_ns = latency();
  profile.copy_rate_while_computing = 0.2 + 0.8 * random.uniform();
  profile.compute_rate_while_copying = 0.2 + 0.8 * random.uniform();
  return profile;
}

ScenarioOptions draw_scenario(Random& random, std::uint32_t lanes) {
  ScenarioOptions options;
  options.layers = between(random, 1, 6);
  options.experts = between(random, 2, 24);
  options.top_k = between(random, 1, std::min(4U, options.experts));
  options.train_fraction = 0.25;
  options.sequences = 2 * lanes + between(random, 2, 6);
  options.mean_tokens = between(random, 1, 10);
  options.prefill_tokens = random.chance(0.5) ? 0 : between(random, 1, 12);
  options.expert_bytes = 1536ULL * between(random, 1, 8);
  options.seed = random.next();
  return options;
}

Replay draw_replay(Random& random, const ScenarioOptions& scenario, std::uint32_t lanes, bool* hostile) {
  const std::uint32_t experts = scenario.layers * scenario.experts;
  Replay replay;
  replay.policy = one_of(random, policy_names());
  std::vector<std::string> predictors = replayable_predictors();
  predictors.emplace_back("hostile");
  replay.predictor = one_of(random, predictors);
  if (scenario.layers == 1 && replay.predictor == "oracle") replay.predictor = "hostile";  // it needs two
  *hostile = replay.predictor == "hostile";
  EngineOptions& engine = replay.engine;
  engine.cache = {
      random.chance(0.2) ? between(random, 1, std::min(3U, experts)) : between(random, 1, experts),
      between(random, 0, 6)};
  const std::uint64_t chunks = between(random, 1, 12);
  engine.transfer.chunk_bytes = (scenario.expert_bytes + chunks - 1) / chunks + random.below(3);
  engine.transfer.chunks_in_flight = between(random, 1, 4);
  engine.transfer.queued_prefetches_max = between(random, 1, 32);
  engine.transfer.shuffle_chunks = random.chance(0.5);
  engine.transfer.seed = random.next();
  engine.prefetch.lookahead_layers = between(random, 0, scenario.layers);
  engine.prefetch.width = between(random, 1, scenario.experts);
  engine.prefetch.rule = random.chance(0.5) ? PrefetchRule::paying : PrefetchRule::named;
  engine.prefetch.link_bytes_per_s = 1e8 * between(random, 1, 1000);
  engine.prefetch.wasted_price = random.chance(0.5) ? 0.0 : 0.15;
  engine.prefetch.ranked_experts = random.chance(0.5) ? 0 : 2 * engine.prefetch.width;
  engine.prefetch.probability_min = random.chance(0.5) ? 0.0F : 0.3F;
  engine.prefetch_useful_min = random.chance(0.5) ? 0.0 : 0.2;
  engine.bypass_prefill = random.chance(0.5);
  replay.schedule = {lanes, 0, between(random, 1, 16)};
  replay.preload = random.chance(0.2);
  engine.miss.mode = one_of(random, std::vector{MissMode::copy, MissMode::host, MissMode::in_place,
                                                MissMode::automatic, MissMode::automatic});
  engine.miss.tokens_max = random.chance(0.9) ? lanes : between(random, 0, lanes);
  engine.miss.fills_queued_max = between(random, 0, 4);
  return replay;
}

FaultPlan draw_fault(Random& random) {
  static const std::vector<DeviceCall> calls{DeviceCall::copy,     DeviceCall::launch,
                                             DeviceCall::record,   DeviceCall::wait,
                                             DeviceCall::wait_any, DeviceCall::synchronize_event,
                                             DeviceCall::done,     DeviceCall::synchronize};
  FaultPlan fault;
  fault.call = one_of(random, calls);
  fault.nth = static_cast<std::uint64_t>(spread(random, 1, 1500));
  fault.code = random.chance(0.5) ? ErrorCode::device_lost : ErrorCode::out_of_memory;
  fault.kind = random.chance(0.5) ? FaultKind::refused : FaultKind::failed;
  fault.count = between(random, 1, 3);
  return fault;
}

}  // namespace

SimulationPlan SimulationPlan::draw(std::uint64_t seed) {
  Random random(seed);
  const std::uint32_t lanes = between(random, 1, 5);
  SimulationPlan plan;
  plan.seed = seed;
  plan.scenario = draw_scenario(random, lanes);
  plan.profile = draw_profile(random);
  plan.jitter_fraction = random.chance(0.3) ? 0.0 : 2 * random.uniform();
  plan.replay = draw_replay(random, plan.scenario, lanes, &plan.hostile);
  if (random.chance(0.5)) plan.fault = draw_fault(random);
  return plan;
}

std::string SimulationPlan::describe() const {
  std::ostringstream out;
  const EngineOptions& engine = replay.engine;
  out << scenario.layers << " layers x " << scenario.experts << " experts, top-" << scenario.top_k << ", "
      << replay.schedule.lanes << " lanes, prefill " << scenario.prefill_tokens << "; " << replay.policy
      << " + " << replay.predictor << ", slabs " << engine.cache.cache_slabs << " + "
      << engine.cache.staging_slabs << ", experts of " << scenario.expert_bytes << " bytes in chunks of "
      << engine.transfer.chunk_bytes << ", " << engine.transfer.chunks_in_flight << " in flight, lookahead "
      << engine.prefetch.lookahead_layers << ", misses " << miss_mode_name(engine.miss.mode) << " up to "
      << engine.miss.tokens_max << " tokens, " << engine.miss.fills_queued_max << " fills, jitter "
      << jitter_fraction;
  if (!fault) return out.str();
  out << "; " << device_call_name(fault->call) << " number " << fault->nth
      << (fault->kind == FaultKind::refused ? " refused" : " failed") << ", code "
      << static_cast<int>(fault->code) << ", " << fault->count << " in a row";
  return out.str();
}

}  // namespace prophet::engine_test
