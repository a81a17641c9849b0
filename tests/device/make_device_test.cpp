#include "runtime/device/make_device.hpp"

#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/device/cuda_driver.hpp"
#include "runtime/model/gpu_profile.hpp"

namespace prophet {
namespace {

std::string refusal(std::string_view name, const DeviceOptions& options, ErrorCode code) {
  try {
    static_cast<void>(make_device(name, options));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << name << " was made";
  return {};
}

TEST(MakeDevice, MakesTheCpuAndEveryShippedProfile) {
  EXPECT_EQ(make_device("cpu", {})->info().kind, "cpu");
  for (const std::string& profile : gpu_profile_names()) {
    const auto device = make_device("sim:" + profile, {});
    EXPECT_TRUE(device->info().simulated);
    EXPECT_EQ(device->info().name, "sim:" + profile);
  }
}

TEST(MakeDevice, CapsMemory) {
  DeviceOptions options;
  options.memory_bytes = 1 << 20;
  EXPECT_EQ(make_device("cpu", options)->info().memory_bytes, 1U << 20);
  EXPECT_EQ(make_device("sim:h200", options)->info().memory_bytes, 1U << 20);
}

TEST(MakeDevice, ASimMayIgnoreItsCapacity) {
  DeviceOptions options;
  options.ignore_capacity = true;
  const auto device = make_device("sim:h200", options);
  EXPECT_NO_THROW(static_cast<void>(device->allocate(MemoryKind::device, 1ULL << 45)));
  refusal("cpu", options, ErrorCode::usage);
}

TEST(MakeDevice, ListsWhatThereIsWhenTheNameIsUnknown) {
  const std::string sentence = refusal("gpu", {}, ErrorCode::no_device);
  EXPECT_NE(sentence.find("cpu"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("sim:h100-80gb"), std::string::npos) << sentence;
  refusal("sim:no-such-gpu", {}, ErrorCode::no_device);
  refusal("cuda:x", {}, ErrorCode::no_device);
  refusal("", {}, ErrorCode::no_device);
}

TEST(MakeDevice, SaysWhyThereIsNoCudaDevice) {
  EXPECT_NE(refusal("cuda:99", {}, ErrorCode::no_device).find("cuda"), std::string::npos);
  if (!cuda_status().devices.empty()) GTEST_SKIP() << "there is one";
  EXPECT_NE(refusal("cuda", {}, ErrorCode::no_device).find("CUDA"), std::string::npos);
  refusal("cuda:1", {}, ErrorCode::no_device);
}

TEST(MakeDevice, HostCoresAreThoseAskedForOrAll) {
  DeviceOptions options;
  EXPECT_GE(make_device("cpu", options)->info().host_cores, 1U);
  EXPECT_EQ(make_device("sim:h200", options)->info().host_cores, load_gpu_profile("h200").host_cores);
  options.host_cores = 3;
  EXPECT_EQ(make_device("cpu", options)->info().host_cores, 3U);
  EXPECT_EQ(make_device("sim:h200", options)->info().host_cores, 3U);
  options.host_cores = limits::host_threads_max + 1;
  EXPECT_NE(refusal("cpu", options, ErrorCode::usage).find("host_cores"), std::string::npos);
  EXPECT_EQ(make_device("sim:h200", options)->info().host_cores, limits::host_threads_max + 1);
}

TEST(MakeDevice, RefusesOptionsOutOfRangeOrNotForThisDevice) {
  DeviceOptions link;
  link.link_bytes_per_s = -1;
  refusal("cpu", link, ErrorCode::usage);
  link.link_bytes_per_s = 1e9;
  refusal("sim:h200", link, ErrorCode::usage);
  refusal("cuda", link, ErrorCode::usage);
  DeviceOptions jitter;
  jitter.jitter_fraction = 0.1;
  refusal("cpu", jitter, ErrorCode::usage);
}

}  // namespace
}  // namespace prophet
