#include "tests/engine/simulation_run.hpp"

#include <memory>
#include <utility>

#include "runtime/device/sim_device.hpp"

namespace prophet::engine_test {
namespace {

/// Says what differs, or nothing.
std::optional<std::string> differs(const char* what, std::uint64_t is, std::uint64_t expected) {
  if (is == expected) return std::nullopt;
  return std::string(what) + " is " + std::to_string(is) + ", expected " + std::to_string(expected);
}

std::optional<std::string> find_wrong_counts(const SimulationPlan& plan, const ReplayMetrics& metrics) {
  const Scenario scenario(plan.scenario);
  const RequestGroups requests = scenario.requests(plan.replay.schedule);
  const std::uint64_t bytes = scenario.workload().expert_bytes;
  const LayerCounts& total = metrics.total;
  const std::uint64_t elsewhere = total.host + total.in_place;
  LayerCounts sum;
  for (const LayerCounts& layer : metrics.layers) {
    sum.requests += layer.requests;
    sum.miss += layer.miss;
    sum.host += layer.host;
    sum.in_place += layer.in_place;
    sum.hit_late += layer.hit_late;
  }
  if (auto wrong = differs("requests", total.requests, requests.requests())) return wrong;
  if (auto wrong = differs("hits and misses", total.hit_on_time + total.hit_late + total.miss + elsewhere,
                           total.requests))
    return wrong;
  if (auto wrong = differs("slabs_verified", metrics.slabs_verified + elsewhere, total.requests))
    return wrong;
  if (auto wrong = differs("computed on the host in all layers", sum.host, total.host)) return wrong;
  if (auto wrong = differs("read in place in all layers", sum.in_place, total.in_place)) return wrong;
  if (auto wrong = differs("requests of all layers", sum.requests, total.requests)) return wrong;
  if (auto wrong = differs("misses of all layers", sum.miss, total.miss)) return wrong;
  if (auto wrong = differs("bytes demanded", metrics.bytes.demand, total.miss * bytes)) return wrong;
  const TransferBytes& moved = metrics.bytes;
  // A late hit is of a prefetch, or of a fill, of which bytes are booked as such.
  if (moved.fill == 0) {
    if (auto wrong = differs("bytes late", moved.prefetch_late, total.hit_late * bytes)) return wrong;
  }
  return differs(
      "bytes copied", moved.copied,
      moved.demand + moved.fill + moved.prefetch_useful + moved.prefetch_wasted + moved.prefetch_cancelled);
}

bool may_end_with(const FaultPlan& fault, ErrorCode code) {
  if (code == fault.code) return true;
  // An operation that was silently not run leaves its followers unordered: the checker may see that first.
  return fault.kind == FaultKind::failed && code == ErrorCode::check_failed;
}

/// A refusal that only a prefetch met is not the end: the prefetch was dropped.
bool may_survive(const FaultPlan& fault, const ReplayMetrics& metrics) {
  return fault.code == ErrorCode::out_of_memory && metrics.prefetches_failed > 0;
}

}  // namespace

SimulationResult simulate(const SimulationPlan& plan) {
  SimulationResult result;
  const Scenario scenario(plan.scenario);
  auto sim = make_sim_device(plan.profile, {plan.jitter_fraction, plan.seed, true});
  auto logging = std::make_unique<LoggingDevice>(std::move(sim), false);
  const LoggingDevice& log = *logging;
  FaultyDevice device(std::move(logging), {});
  if (plan.fault) device.add(*plan.fault);
  HostilePredictor hostile(plan.seed);
  Replay replay = plan.replay;
  if (plan.hostile) replay.test_predictor = &hostile;
  try {
    result.metrics = scenario.replay(device, replay, [&] {
      result.fault_struck = plan.fault && device.calls(plan.fault->call) >= plan.fault->nth;
    });
  } catch (const Error& error) {
    result.error = error.code();
    result.sentence = error.what();
    result.fault_struck = plan.fault && device.calls(plan.fault->call) >= plan.fault->nth;
  }
  result.hash = log.hash();
  result.calls = log.count();
  return result;
}

std::optional<std::string> find_violation(const SimulationPlan& plan, const SimulationResult& result) {
  if (result.error) {
    if (!result.fault_struck) return "an error that nobody planned: " + result.sentence;
    if (!may_end_with(*plan.fault, *result.error))
      return "another error than the planned: " + result.sentence;
    return std::nullopt;
  }
  if (result.fault_struck && !may_survive(*plan.fault, *result.metrics))
    return "the planned fault was swallowed";
  return find_wrong_counts(plan, *result.metrics);
}

}  // namespace prophet::engine_test
