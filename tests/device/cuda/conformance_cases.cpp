// The cuda device under the suite that every device passes: on the test vehicle where the build is one, else
// on the GPU; where there is none each test skips by name.
#include "prophet/error.hpp"
#include "runtime/device/cuda_device.hpp"
#include "runtime/device/cuda_driver.hpp"
#include "runtime/device/decorators/recording_device.hpp"
#include "tests/device/conformance.hpp"
#include "tests/device/host_conformance.hpp"
#include "tests/device/model_conformance.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint64_t capacity_bytes = 64ULL << 20;

std::unique_ptr<Device> cuda(bool batch_copies, bool time_operations, std::uint32_t host_cores = 0) {
  CudaOptions options;
  options.memory_bytes = capacity_bytes;
  options.batch_copies = batch_copies;
  options.time_operations = time_operations;
  options.host_cores = host_cores;
  try {
    return make_cuda_device(options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::no_device) throw;
    return nullptr;
  }
}

std::unique_ptr<Device> recorded_cuda() {
  std::unique_ptr<Device> device = cuda(true, false);
  if (device == nullptr) return nullptr;
  return std::make_unique<RecordingDevice>(std::move(device), RecordingOptions{1000});
}

std::string named(const char* variant) {
  return (cuda_status().test_vehicle ? std::string("cuda_on_cpu") : std::string("cuda")) + variant;
}

std::vector<DeviceCase> cuda_cases() {
  return {{named(""), [] { return cuda(true, true); }},
          {named("_plain_copies"), [] { return cuda(false, true); }},
          {named("_recording"), recorded_cuda}};
}

std::vector<DeviceCase> host_cases() {
  return {{named("_one_core"), [] { return cuda(true, true, 1); }},
          {named("_five_cores"), [] { return cuda(true, false, 5); }}};
}

INSTANTIATE_TEST_SUITE_P(Cuda, HostCores, ::testing::ValuesIn(host_cases()),
                         [](const auto& one) { return one.param.name; });
INSTANTIATE_TEST_SUITE_P(Cuda, Conformance, ::testing::ValuesIn(cuda_cases()),
                         [](const auto& one) { return one.param.name; });
INSTANTIATE_TEST_SUITE_P(Cuda, ModelConformance, ::testing::ValuesIn(cuda_cases()),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace prophet::testing
