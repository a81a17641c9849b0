// Decode steps that the device runs by itself change nothing but the way: on the test vehicle where the build
// is one, else on the GPU.
#include "runtime/engine/captured_steps.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "runtime/device/cuda_device.hpp"
#include "tests/engine/cuda/on_cuda_device.hpp"
#include "tests/engine/scenario.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::engine_test {
namespace {

constexpr ScenarioOptions sizes{
    .layers = 4, .experts = 10, .top_k = 3, .sequences = 6, .mean_tokens = 6, .prefill_tokens = 4};

class CapturedReplay : public OnCudaDevice {
 protected:
  static Replay captured(Replay how) {
    how.engine.captured_tokens = how.schedule.lanes;
    return how;
  }
};

TEST_F(CapturedReplay, CountsBytesAndOutputsAreThoseOfStepsLaunchedOneByOne) {
  Random random(testing::fresh_seed());
  std::uint64_t to_the_end = 0;
  std::uint64_t left = 0;
  for (std::uint32_t repetition = 0; repetition < 6; ++repetition) {
    const Scenario scenario(sizes);
    Replay how = scenario.middling();
    how.policy = std::vector<const char*>{"lru", "lfu", "arc", "least-stale"}[random.below(4)];
    how.schedule.lanes = 1 + static_cast<std::uint32_t>(random.below(3));
    // Small ones are left at nearly every step, large ones at few.
    how.engine.cache = {3 + repetition % 2 * 27 + static_cast<std::uint32_t>(random.below(10)),
                        static_cast<std::uint32_t>(random.below(4))};
    // And in one that holds everything steps run to their end, whatever was drawn for the others.
    if (repetition == 5) how.engine.cache.cache_slabs = scenario.workload().grid.size();
    SCOPED_TRACE(how.policy + ", " + std::to_string(how.engine.cache.cache_slabs) + " slabs, " +
                 std::to_string(how.schedule.lanes) + " lanes");
    const ReplayMetrics expected = scenario.replay(*device_, how);
    const ReplayMetrics found = scenario.replay(*device_, captured(how));
    expect_same_requests(found, expected);
    EXPECT_EQ(found.total.hit_on_time, expected.total.hit_on_time);
    EXPECT_EQ(found.total.miss, expected.total.miss);
    EXPECT_EQ(found.bytes, expected.bytes);
    EXPECT_EQ(found.rounds_extra, expected.rounds_extra);
    EXPECT_EQ(found.slabs_verified, expected.slabs_verified);
    EXPECT_EQ(found.outputs_digest, expected.outputs_digest);
    EXPECT_EQ(expected.captured_steps + expected.captured_steps_left, 0U);
    EXPECT_EQ(found.captured_steps + found.captured_steps_left, found.steps);
    to_the_end += found.captured_steps;
    left += found.captured_steps_left;
  }
  EXPECT_GT(to_the_end, 0U);
  EXPECT_GT(left, 0U);
}

TEST_F(CapturedReplay, EveryStepRunsToItsEndWhenAllExpertsAreResident) {
  const Scenario scenario(sizes);
  Replay how = scenario.middling();
  how.engine.cache = {scenario.workload().grid.size(), 0};
  how.preload = true;
  const ReplayMetrics found = scenario.replay(*device_, captured(how));
  EXPECT_EQ(found.captured_steps, found.steps);
  EXPECT_EQ(found.total.miss, 0U);
  EXPECT_EQ(found.outputs_digest, scenario.replay(*device_, how).outputs_digest);
}

TEST_F(CapturedReplay, AWrongSlabIsFoundWithinTheStep) {
  const Scenario scenario(sizes);
  Replay how = scenario.middling();
  how.engine.cache = {scenario.workload().grid.size(), 0};
  how.preload = true;
  const Buffer garbage(*device_, MemoryKind::host_pinned, 256);
  std::ranges::fill(device_->host_bytes(garbage.view()), std::byte{0x3c});
  const Stream stream(*device_, StreamRole::demand_copy);
  how.after_step = [&](StepLoop& loop, StepKind) {
    const Arena& arena = loop.slabs().arena();
    for (std::uint32_t slab = 0; slab < arena.slabs; ++slab) {
      device_->copy(stream.id(), loop.slabs().bytes().slice(slab * arena.stride_bytes, 256), garbage.view(),
                    slab);
    }
    device_->synchronize();
  };
  try {
    static_cast<void>(scenario.replay(*device_, captured(how)));
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::check_failed) << error.what();
  }
}

TEST_F(CapturedReplay, WithPrefetchNoStepIsCaptured) {
  const Scenario scenario(sizes);
  Replay how = captured(scenario.middling());
  how.predictor = "previous-token";
  const ReplayMetrics found = scenario.replay(*device_, how);
  EXPECT_EQ(found.captured_steps + found.captured_steps_left, 0U);
}

TEST_F(CapturedReplay, FromTheCrossoverOnNoStepIsCaptured) {
  const Scenario scenario(sizes);
  CudaOptions options;
  options.crossover_rows = 2;
  const auto device = make_cuda_device(options);
  for (const std::uint32_t lanes : {1U, 2U}) {
    Replay how = scenario.middling();
    how.schedule.lanes = lanes;
    const ReplayMetrics found = scenario.replay(*device, captured(how));
    EXPECT_EQ(found.captured_steps + found.captured_steps_left, lanes < 2 ? found.steps : 0U) << lanes;
    EXPECT_EQ(found.outputs_digest, scenario.replay(*device, how).outputs_digest) << lanes;
  }
}

TEST(CapturedSteps, ADeviceWithoutThemRunsItsStepsOneByOne) {
  const Scenario scenario(sizes);
  Replay how = scenario.middling();
  const auto real = cpu();
  const std::uint64_t expected = scenario.replay(*real, how).outputs_digest;
  how.engine.captured_tokens = how.schedule.lanes;
  const ReplayMetrics found = scenario.replay(*real, how);
  EXPECT_EQ(found.captured_steps + found.captured_steps_left, 0U);
  EXPECT_EQ(found.outputs_digest, expected);
}

}  // namespace
}  // namespace prophet::engine_test
