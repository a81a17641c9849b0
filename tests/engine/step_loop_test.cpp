#include "runtime/engine/step_loop.hpp"

#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "runtime/device/decorators/faulty_device.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

TEST(StepLoop, WithEveryExpertResidentCopiesNothingAndNeverStalls) {
  const Scenario scenario(ScenarioOptions{});
  Replay how = scenario.middling();
  how.engine.cache = {scenario.workload().grid.size(), 0};
  how.preload = true;
  const auto device = balanced_sim();
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_EQ(metrics.total.hit_on_time, metrics.total.requests);
  EXPECT_EQ(metrics.bytes, TransferBytes{});
  EXPECT_EQ(metrics.stall_ns, 0U);
  EXPECT_GT(metrics.compute_ns, 0U);
}

TEST(StepLoop, ThatMissesStallsForTheCopiesAndNoMore) {
  const Scenario scenario(ScenarioOptions{});
  Replay how = scenario.middling();
  how.engine.cache = {1, 0};
  const auto device = balanced_sim();
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_GT(metrics.total.miss, metrics.total.requests / 2);
  EXPECT_GT(metrics.stall_ns, 0U);
  EXPECT_LE(metrics.stall_ns + metrics.compute_ns, metrics.total_ns);
  std::uint64_t steps_ns = 0;
  for (const std::uint64_t step_ns : metrics.step_ns) steps_ns += step_ns;
  EXPECT_LE(steps_ns, metrics.total_ns);
}

TEST(StepLoop, PreloadFillsTheCacheAndNoMore) {
  const Scenario scenario(ScenarioOptions{});
  const auto device = balanced_sim();
  for (const std::uint32_t slabs : {1U, 5U, 12U, 13U, 47U, 48U}) {
    Replay how = scenario.middling();
    how.engine.cache = {slabs, 2};
    const RequestGroups future = scenario.requests(how.schedule);
    const HostStore store(*device, scenario.workload().grid, scenario.workload().expert_bytes, nullptr);
    ReplayedModel model(*device, scenario.trace(), scenario.workload(), 1, 0);
    StepLoop loop(*device, store, model, how.engine, scenario.policy(how, future), nullptr, 1);
    loop.preload();
    EXPECT_EQ(loop.cache().occupied_slabs(), slabs);
    for (std::uint32_t e = 0; e < slabs; ++e) {
      EXPECT_TRUE(loop.cache().find(ExpertIndex{e}).has_value());
      EXPECT_FALSE(loop.cache().is_loading(ExpertIndex{e}));
    }
    EXPECT_EQ(loop.finish().bytes, TransferBytes{});
    EXPECT_EQ(loop.finish().total_ns, 0U) << "no step has run";
  }
}

TEST(StepLoop, MayBeFinishedTwiceAndSaysTheSame) {
  const Scenario scenario(ScenarioOptions{});
  HostilePredictor hostile(1);
  Replay how = scenario.middling();
  how.test_predictor = &hostile;
  how.engine.prefetch = {2, 4, 0.0F};
  std::uint64_t checked = 0;
  how.after_step = [&](StepLoop& loop, StepKind) {
    const TransferBytes once = loop.finish().bytes;
    EXPECT_EQ(loop.finish().bytes, once);
    expect_conserved(loop.finish());
    ++checked;
  };
  const auto device = balanced_sim();
  expect_conserved(scenario.replay(*device, how));
  EXPECT_GT(checked, 10U);
}

TEST(StepLoop, LookingNowhereAheadPrefetchesNothing) {
  const Scenario scenario(ScenarioOptions{});
  HostilePredictor hostile(1);
  Replay how = scenario.middling();
  how.test_predictor = &hostile;
  how.engine.prefetch.lookahead_layers = 0;
  const auto device = balanced_sim();
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_EQ(metrics.prefetches_issued, 0U);
  EXPECT_EQ(metrics.bytes.copied, metrics.bytes.demand);
}

TEST(StepLoop, BatchesFetchAnExpertOnceForAllLanes) {
  const Scenario scenario(ScenarioOptions{.sequences = 12});
  Replay how = scenario.middling();
  how.schedule.lanes = 4;
  const auto device = balanced_sim();
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_EQ(metrics.total.requests, scenario.requests(how.schedule).requests());
  EXPECT_LT(metrics.total.requests, metrics.tokens * 2 * 4) << "lanes share experts";
}

/// Errors of every kind of call reach the caller, and what is left is destroyed quietly.
TEST(StepLoop, PassesOnWhatTheDeviceRefuses) {
  const Scenario scenario(ScenarioOptions{});
  for (const DeviceCall call : {DeviceCall::allocate, DeviceCall::create_stream, DeviceCall::create_event,
                                DeviceCall::copy, DeviceCall::launch, DeviceCall::record, DeviceCall::wait,
                                DeviceCall::wait_any, DeviceCall::synchronize_event, DeviceCall::now_ns}) {
    for (const bool real_bytes : {false, true}) {
      for (const std::uint64_t nth : {1U, 2U, 3U, 9U}) {
        if (nth > 3 && (call == DeviceCall::create_stream || call == DeviceCall::allocate)) continue;
        if (nth > 2 && call == DeviceCall::now_ns) continue;
        FaultyDevice device(real_bytes ? cpu() : balanced_sim(), {{call, nth, ErrorCode::device_lost}});
        try {
          (void)scenario.replay(device, scenario.middling());
          ADD_FAILURE() << device_call_name(call) << " number " << nth << " was swallowed";
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::device_lost) << error.what();
        }
      }
    }
  }
}

TEST(StepLoop, RunsOnWhenPrefetchesAreRefused) {
  const Scenario scenario(ScenarioOptions{});
  const auto plain = balanced_sim();
  Replay how = scenario.middling();
  how.predictor = "oracle";
  const ReplayMetrics undisturbed = scenario.replay(*plain, how);
  std::uint64_t dropped = 0;
  for (std::uint64_t nth = 1; nth < 400; nth += 7) {
    FaultyDevice device(balanced_sim(), {{DeviceCall::copy, nth, ErrorCode::out_of_memory}});
    try {
      const ReplayMetrics metrics = scenario.replay(device, how);
      expect_same_requests(metrics, undisturbed);
      expect_conserved(metrics);
      dropped += metrics.prefetches_failed;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::out_of_memory);  // it was a demand copy
    }
  }
  EXPECT_GT(dropped, 5U);
}

TEST(StepLoop, WrongWeightsAreFoundOnTheCpu) {
  const Scenario scenario(ScenarioOptions{});
  const auto device = cpu();
  const Workload& workload = scenario.workload();
  const HostStore store(*device, workload.grid, workload.expert_bytes, random_weights(1, 0.1F));
  for (std::uint32_t e = 0; e < workload.grid.size(); ++e) {
    device->host_bytes(store.expert(ExpertIndex{e}))[7] ^=
        std::byte{1};  // one bit of each, after the checksum
  }
  const Replay how = scenario.middling();
  const RequestGroups future = scenario.requests(how.schedule);
  BatchSchedule steps(scenario.trace(), scenario.split().test, how.schedule);
  ReplayedModel model(*device, scenario.trace(), workload, steps.tokens_max(), 0);
  StepLoop loop(*device, store, model, how.engine, scenario.policy(how, future), nullptr, steps.tokens_max());
  ASSERT_TRUE(steps.next());
  EXPECT_THROW(loop.step(steps.kind(), steps.tokens()), Error);
}

TEST(Quantile, IsTheNearestRank) {
  EXPECT_EQ(quantile_ns({}, 0.5), 0U);
  EXPECT_EQ(quantile_ns({7}, 0.99), 7U);
  EXPECT_EQ(quantile_ns({5, 1, 4, 2, 3}, 0.5), 3U);
  EXPECT_EQ(quantile_ns({5, 1, 4, 2, 3}, 0), 1U);
  EXPECT_EQ(quantile_ns({5, 1, 4, 2, 3}, 1), 5U);
}

}  // namespace
}  // namespace prophet::engine_test
