// Promise 12: after construction, no heap allocation happens on the step path.
#include <gtest/gtest.h>

#include <optional>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/cpu_device.hpp"
#include "tests/engine/scenario.hpp"
#include "tests/support/allocation_counter.hpp"

namespace prophet::engine_test {
namespace {

using prophet::testing::heap_allocations;
using prophet::testing::heap_allocations_are_counted;

/// Allocations of all threads in the second half of the steps of a replay on a device that has run one like
/// it: devices grow their queues to the depth that they meet.
std::uint64_t allocations_after_warm_up(const Scenario& scenario, Replay how, Device& device,
                                        std::optional<std::uint64_t> hostile_seed = {}) {
  std::uint64_t steps = 0;
  for (BatchSchedule schedule(scenario.trace(), scenario.split().test, how.schedule); schedule.next();)
    ++steps;
  EXPECT_GT(steps, 20U);
  HostilePredictor first(hostile_seed.value_or(0));
  if (hostile_seed) how.test_predictor = &first;
  (void)scenario.replay(device, how);
  HostilePredictor second(hostile_seed.value_or(0));
  if (hostile_seed) how.test_predictor = &second;
  std::uint64_t step = 0;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  how.after_step = [&](StepLoop&, StepKind) {
    ++step;
    if (step == steps / 2) before = heap_allocations();
    if (step == steps) after = heap_allocations();
  };
  (void)scenario.replay(device, how);
  return after - before;
}

class NoAllocation : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!heap_allocations_are_counted()) GTEST_SKIP() << "a sanitizer watches the heap in this build";
  }
  static std::unique_ptr<Device> device() { return GetParam() ? cpu() : balanced_sim(); }
};

constexpr ScenarioOptions sizes{
    .layers = 3, .experts = 12, .top_k = 3, .sequences = 24, .mean_tokens = 12, .prefill_tokens = 6};

TEST_P(NoAllocation, InAnyStepWithEveryPredictor) {
  const Scenario scenario(sizes);
  for (const std::string& predictor : replayable_predictors()) {
    for (const std::uint32_t lanes : {1U, 3U}) {
      Replay how = scenario.middling();
      how.predictor = predictor;
      how.schedule = {lanes, 0, 4};
      for (const PrefetchRule rule : {PrefetchRule::named, PrefetchRule::paying}) {
        how.engine.prefetch.rule = rule;
        how.engine.prefetch.link_bytes_per_s = 1e9;
        const auto on = device();
        EXPECT_EQ(allocations_after_warm_up(scenario, how, *on), 0U)
            << predictor << ", " << lanes << " lanes, "
            << (rule == PrefetchRule::paying ? "paying" : "named");
      }
    }
  }
}

TEST_P(NoAllocation, InAnyStepWithEveryPolicy) {
  const Scenario scenario(sizes);
  for (const std::string& policy : policy_names()) {
    Replay how = scenario.middling();
    how.policy = policy;
    how.schedule = {2, 0, 4};
    const auto on = device();
    EXPECT_EQ(allocations_after_warm_up(scenario, how, *on, 1), 0U) << policy;
  }
}

TEST_P(NoAllocation, InAnyStepWhoseMissesAreComputedElsewhere) {
  const Scenario scenario(sizes);
  for (const MissMode mode : {MissMode::host, MissMode::in_place, MissMode::automatic}) {
    Replay how = scenario.middling();
    how.schedule = {2, 0, 4};
    how.engine.miss.mode = mode;
    how.engine.miss.tokens_max = 2;
    const auto on = device();
    EXPECT_EQ(allocations_after_warm_up(scenario, how, *on), 0U) << miss_mode_name(mode);
  }
}

TEST(NoAllocationOnTheHost, InAnyStepWhoseExpertsSeveralCoresCompute) {
  if (!heap_allocations_are_counted()) GTEST_SKIP() << "a sanitizer watches the heap in this build";
  ScenarioOptions large = sizes;
  large.expert_bytes = 1U << 20;
  const Scenario scenario(large);
  Replay how = scenario.middling();
  how.schedule = {2, 30, 4};
  how.engine.miss.mode = MissMode::host;
  how.engine.miss.tokens_max = 2;
  const auto device = make_cpu_device({0, 0, 3});
  EXPECT_EQ(allocations_after_warm_up(scenario, how, *device), 0U);
}

INSTANTIATE_TEST_SUITE_P(Devices, NoAllocation, ::testing::Bool(),
                         [](const auto& test) { return std::string(test.param ? "cpu" : "sim"); });

TEST(AllocationCounter, Counts) {
  if (!heap_allocations_are_counted()) GTEST_SKIP() << "a sanitizer watches the heap in this build";
  const std::uint64_t before = heap_allocations();
  const auto one = std::make_unique<std::string>(100, 'x');
  EXPECT_GE(heap_allocations() - before, 2U);
}

}  // namespace
}  // namespace prophet::engine_test
