// What there is of CUDA, asked through the runtime, which loads the driver when it is first called.
#include "runtime/device/cuda_driver.hpp"

#include <cuda_runtime_api.h>
#include <fmt/format.h>

namespace prophet {
namespace {

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string refusal(const char* call, cudaError_t result) {
  static_cast<void>(cudaGetLastError());
  return fmt::format("the CUDA driver does not start: {} says {} ({})", call, cudaGetErrorName(result),
                     cudaGetErrorString(result));
}

void ask_for_devices(CudaStatus& status) {
  int count = 0;
  if (const cudaError_t result = cudaGetDeviceCount(&count); result == cudaErrorNoDevice) {
    static_cast<void>(cudaGetLastError());
    count = 0;
  } else if (result != cudaSuccess) {
    status.missing = refusal("cudaGetDeviceCount", result);
    return;
  }
  for (int device = 0; device < count; ++device) {
    cudaDeviceProp properties{};
    const cudaError_t result = cudaGetDeviceProperties(&properties, device);
    if (result != cudaSuccess) static_cast<void>(cudaGetLastError());
    status.devices.emplace_back(result == cudaSuccess ? properties.name : "unknown");
  }
  if (status.devices.empty()) status.missing = "the CUDA driver counts no devices";
}

}  // namespace

CudaStatus cuda_status() {
  CudaStatus status;
  status.toolkit = true;
#ifdef PROPHET_CUDA_ON_CPU
  status.test_vehicle = true;
#endif
  status.toolkit_version = version_text(CUDART_VERSION);
  int version = 0;  // stays 0 where no driver is installed
  if (const cudaError_t result = cudaDriverGetVersion(&version); result != cudaSuccess) {
    status.missing = refusal("cudaDriverGetVersion", result);
    return status;
  }
  status.driver = version != 0;
  if (!status.driver) {
    status.missing = "no CUDA driver is installed";
    return status;
  }
  status.driver_version = version_text(version);
  ask_for_devices(status);
  return status;
}

}  // namespace prophet
