// A machine with two GPUs: what is made for one stays there, whichever is current on the thread.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include "runtime/device/cuda_device.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

namespace vehicle = cuda_on_cpu;

constexpr ScenarioOptions sizes{.layers = 2, .experts = 6, .top_k = 2, .sequences = 4, .mean_tokens = 4};

std::size_t free_bytes(int gpu) {
  std::size_t free = 0;
  std::size_t total = 0;
  EXPECT_EQ(cudaSetDevice(gpu), cudaSuccess);
  EXPECT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  return free;
}

class SecondGpu : public ::testing::Test {
 protected:
  SecondGpu() : before_(vehicle::machine()) {
    vehicle::Machine two = before_;
    two.device_count = 2;
    vehicle::set_machine(two);
  }
  ~SecondGpu() override {
    EXPECT_EQ(vehicle::live_objects(), vehicle::LiveObjects{}) << vehicle::to_string(vehicle::live_objects());
    static_cast<void>(cudaSetDevice(0));
    vehicle::set_machine(before_);
  }

  vehicle::Machine before_;
};

TEST_F(SecondGpu, HoldsEveryByteOfItsReplayAndTheFirstNone) {
  const Scenario scenario(sizes);
  Replay how = scenario.middling();
  how.engine.captured_tokens = how.schedule.lanes;
  const std::size_t first_before = free_bytes(0);
  const std::size_t second_before = free_bytes(1);
  CudaOptions options;
  options.ordinal = 1;
  const auto device = make_cuda_device(options);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  std::uint64_t steps = 0;
  how.after_step = [&](StepLoop& loop, StepKind) {
    ++steps;
    EXPECT_EQ(free_bytes(0), first_before);
    EXPECT_LE(free_bytes(1) + loop.slabs().bytes().size_bytes, second_before);
    EXPECT_EQ(cudaSetDevice(static_cast<int>(steps % 2)), cudaSuccess);
  };
  const ReplayMetrics found = scenario.replay(*device, how);
  EXPECT_GT(found.captured_steps_left, 0U);
  EXPECT_EQ(steps, found.steps + found.prefill_passes);
}

TEST_F(SecondGpu, AndTheFirstReplayInTurnsWithoutMeeting) {
  const Scenario scenario(sizes);
  const Replay how = scenario.middling();
  const auto first = make_cuda_device({});
  CudaOptions options;
  options.ordinal = 1;
  const auto second = make_cuda_device(options);
  const std::uint64_t expected = scenario.replay(*first, how).outputs_digest;
  Replay nested = how;
  nested.after_step = [&](StepLoop&, StepKind) {
    EXPECT_EQ(scenario.replay(*first, how).outputs_digest, expected);
  };
  EXPECT_EQ(scenario.replay(*second, nested).outputs_digest, expected);
}

}  // namespace
}  // namespace prophet::engine_test
