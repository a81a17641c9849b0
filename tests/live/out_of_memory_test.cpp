// Whatever a device can hold, a live model is either there as a whole or not at all.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "prophet/error.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/decorators/faulty_device.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/support/decoder_fixture.hpp"
#include "tests/support/tally_device.hpp"

namespace prophet::testing {
namespace {

RigOptions small_rig() {
  RigOptions options;
  options.context_tokens = 32;
  options.tokens_max = 8;
  return options;
}

class OutOfMemory : public ::testing::TestWithParam<const char*> {};

TEST_P(OutOfMemory, AtAnyAllocationLeavesNothingBehind) {
  const std::filesystem::path folder = live_folder() / "models" / GetParam();
  for (const DeviceCall call : {DeviceCall::allocate, DeviceCall::create_stream, DeviceCall::create_event}) {
    std::uint64_t nth = 1;
    for (bool made = false; !made; ++nth) {
      auto counted = std::make_unique<TallyDevice>(make_cpu_device({}));
      const TallyDevice& tally = *counted;
      FaultyDevice device(std::move(counted), {{call, nth, ErrorCode::out_of_memory, FaultKind::refused, 1}});
      try {
        const LiveRig rig(device, folder, small_rig());
        made = true;
        EXPECT_GT(tally.alive(), 0);
      } catch (const Error& error) {
        ASSERT_EQ(error.code(), ErrorCode::out_of_memory);
      }
      ASSERT_EQ(tally.alive(), 0) << device_call_name(call) << " number " << nth;
    }
    EXPECT_GT(nth, 2U) << device_call_name(call);
  }
}

INSTANTIATE_TEST_SUITE_P(Live, OutOfMemory,
                         ::testing::Values("olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny"),
                         [](const auto& named) {
                           std::string name = named.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace prophet::testing
