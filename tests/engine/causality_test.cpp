// Nothing uses the routing of a layer before its router has finished on the compute stream.
#include <gtest/gtest.h>

#include <set>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"
#include "tests/engine/logging_device.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

constexpr ScenarioOptions sizes{.layers = 4, .experts = 12, .top_k = 2, .sequences = 9, .mean_tokens = 10};

std::vector<LoggedCall> log_of(const Scenario& scenario, const Replay& how) {
  LoggingDevice device(balanced_sim(), true);
  (void)scenario.replay(device, how);
  return device.calls();
}

/// Follows the calls of a replay: which layer runs, and whether the host has seen its router finish.
class RouterWatch {
 public:
  void note(const LoggedCall& call) {
    if (call.call == DeviceCall::launch && call.kind == LoggingDevice::dense) {
      layer_ = call.tag;
      seen_ = false;
      recorded_ = false;
    }
    if (call.call == DeviceCall::record && !recorded_) {
      recorded_ = true;
      router_done_ = call.event;
    }
    if (call.call == DeviceCall::wait_any && call.event == router_done_) seen_ = true;
  }
  /// The router of the expert's layer has been seen to finish.
  [[nodiscard]] bool may_use(std::uint64_t expert, std::uint32_t experts) const {
    return seen_ && expert / experts == layer_;
  }

 private:
  std::uint64_t layer_ = 0;
  EventId router_done_{};
  bool recorded_ = true;
  bool seen_ = false;
};

TEST(Causality, NoExpertIsLaunchedOrDemandedBeforeItsLayersRouterIsSeenToFinish) {
  const Scenario scenario(sizes);
  for (const std::string& predictor : replayable_predictors()) {
    Replay how = scenario.middling();
    how.predictor = predictor;
    how.schedule.lanes = 2;
    RouterWatch watch;
    std::uint64_t launched = 0;
    for (const LoggedCall& call : log_of(scenario, how)) {
      watch.note(call);
      const bool is_expert = call.call == DeviceCall::launch && call.kind == LoggingDevice::expert;
      const bool is_demand = call.call == DeviceCall::copy && predictor == "none";
      if (!is_expert && !is_demand) continue;
      ASSERT_TRUE(watch.may_use(call.tag, sizes.experts)) << predictor << ", expert " << call.tag;
      ++launched;
    }
    EXPECT_GT(launched, 100U);
  }
}

/// The scenario with another routing in every token of step `from_step` and later, and in that step only from
/// `from_layer` on.
Scenario with_another_future(const Scenario& scenario, const ScheduleOptions& schedule,
                             std::uint64_t from_step, std::uint32_t from_layer) {
  const RoutingTrace& trace = scenario.trace();
  std::vector<std::byte> ids(trace.id_storage().begin(), trace.id_storage().end());
  const TraceShape& shape = trace.shape();
  BatchSchedule steps(trace, scenario.split().test, schedule);
  for (std::uint64_t step = 0; steps.next(); ++step) {
    if (step < from_step) continue;
    for (const StepToken& token : steps.tokens()) {
      for (std::uint32_t l = step == from_step ? from_layer : 0; l < shape.grid.layers; ++l) {
        for (std::uint32_t r = 0; r < shape.top_k; ++r) {
          std::byte& id = ids[(token.row * shape.grid.layers + l) * shape.top_k + r];
          id = static_cast<std::byte>((std::to_integer<std::uint32_t>(id) + 5) % shape.grid.experts);
        }
      }
    }
  }
  const std::vector<SequenceInfo> sequences(trace.sequences().begin(), trace.sequences().end());
  return Scenario(RoutingTrace(shape, trace.provenance(), sequences, ids, {}), sizes);
}

/// Calls up to and with the one by which the host sees the n-th router finish.
std::size_t calls_until_router(const std::vector<LoggedCall>& calls, std::uint64_t nth) {
  std::uint64_t routers = 0;
  EventId router_done{};
  bool recorded = true;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].call == DeviceCall::launch && calls[i].kind == LoggingDevice::dense) recorded = false;
    if (calls[i].call == DeviceCall::record && !recorded) {
      router_done = calls[i].event;
      recorded = true;
    }
    if (calls[i].call != DeviceCall::wait_any || calls[i].event != router_done) continue;
    if (routers++ == nth) return i + 1;
  }
  return calls.size();
}

struct Mutation {
  std::uint64_t step;
  std::uint32_t layer;
};

/// True when all calls before the changed routing may be known are the same.
bool same_past(const Scenario& scenario, const Replay& how, const Mutation& mutation) {
  const Scenario other = with_another_future(scenario, how.schedule, mutation.step, mutation.layer);
  const std::vector<LoggedCall> calls = log_of(scenario, how);
  const std::vector<LoggedCall> changed = log_of(other, how);
  const std::size_t past = calls_until_router(calls, mutation.step * sizes.layers + mutation.layer);
  EXPECT_LT(past, calls.size());
  EXPECT_NE(calls, changed) << "the change must matter";
  return changed.size() >= past &&
         std::equal(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(past), changed.begin());
}

constexpr Mutation mutations[] = {{3, 0}, {7, 2}, {12, 3}};

TEST(Causality, AnotherFutureLeavesThePastAsItWasForEveryPredictor) {
  const Scenario scenario(sizes);
  for (const std::string& predictor : replayable_predictors()) {
    if (predictor == "oracle") continue;
    for (const Mutation& mutation : mutations) {
      Replay how = scenario.middling();
      how.predictor = predictor;
      how.engine.prefetch.lookahead_layers = 2;
      EXPECT_TRUE(same_past(scenario, how, mutation)) << predictor << ", step " << mutation.step;
    }
  }
}

TEST(Causality, AnotherFutureLeavesThePastAsItWasForEveryPolicyAndInBatches) {
  const Scenario scenario(sizes);
  for (const std::string& policy : policy_names()) {
    if (policy == "belady") continue;
    Replay how = scenario.middling();
    how.policy = policy;
    how.predictor = "previous-token";
    how.schedule.lanes = 3;
    EXPECT_TRUE(same_past(scenario, how, {5, 1})) << policy;
  }
}

/// Canaries: the bounds look ahead, and these tests see it.
TEST(Causality, OfTheOracleAndOfBeladyIsSeenToBeBroken) {
  const Scenario scenario(sizes);
  std::uint64_t broken_by_oracle = 0;
  std::uint64_t broken_by_belady = 0;
  for (const Mutation& mutation : mutations) {
    Replay how = scenario.middling();
    how.predictor = "oracle";
    how.engine.prefetch.lookahead_layers = 2;
    broken_by_oracle += same_past(scenario, how, mutation) ? 0U : 1U;
    how = scenario.middling();
    how.policy = "belady";
    broken_by_belady += same_past(scenario, how, mutation) ? 0U : 1U;
  }
  EXPECT_GT(broken_by_oracle, 0U);
  EXPECT_GT(broken_by_belady, 0U);
}

}  // namespace
}  // namespace prophet::engine_test
