// Devices, versions and errors of the CUDA runtime.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/device_figures.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {
namespace {

bool is_device(int device) {
  return device >= 0 && device < machine().device_count;
}

/// Without a device every call that needs one says so.
cudaError_t check_device(int device) {
  if (machine().device_count == 0) return cudaErrorNoDevice;
  return is_device(device) ? cudaSuccess : cudaErrorInvalidDevice;
}

void describe(cudaDeviceProp& properties, int device) {
  properties = {};
  const std::string name = device_name(device);
  std::snprintf(properties.name, sizeof properties.name, "%s", name.c_str());
  properties.totalGlobalMem = machine().memory_bytes;
  properties.sharedMemPerBlock = figures.shared_bytes_per_block;
  properties.sharedMemPerBlockOptin = figures.shared_bytes_per_block_optin;
  properties.sharedMemPerMultiprocessor = figures.shared_bytes_per_multiprocessor;
  properties.reservedSharedMemPerBlock = 1024;
  properties.regsPerBlock = figures.registers;
  properties.regsPerMultiprocessor = figures.registers;
  properties.warpSize = figures.warp_threads;
  properties.maxThreadsPerBlock = figures.block_threads;
  properties.maxThreadsPerMultiProcessor = figures.multiprocessor_threads;
  properties.maxBlocksPerMultiProcessor = figures.multiprocessor_blocks;
  properties.maxThreadsDim[0] = properties.maxThreadsDim[1] = figures.block_threads;
  properties.maxThreadsDim[2] = 64;
  properties.maxGridSize[0] = 0x7FFFFFFF;
  properties.maxGridSize[1] = properties.maxGridSize[2] = 65535;
  properties.totalConstMem = 64 << 10;
  properties.major = machine().capability_major;
  properties.minor = machine().capability_minor;
  properties.multiProcessorCount = figures.multiprocessors;
  properties.canMapHostMemory = 1;
  properties.canUseHostPointerForRegisteredMem = 1;
  properties.concurrentKernels = 1;
  properties.asyncEngineCount = figures.copy_engines;
  properties.unifiedAddressing = 1;
  properties.streamPrioritiesSupported = 1;
  properties.hostRegisterSupported = 1;
  properties.l2CacheSize = figures.l2_bytes;
  properties.memoryBusWidth = figures.memory_bus_bits;
  properties.pciBusID = device + 1;
  properties.hostNumaId = -1;
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  return call(__func__, [&] {
    if (count == nullptr) return cudaErrorInvalidValue;
    *count = machine().device_count;
    return *count == 0 ? cudaErrorNoDevice : cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return call(__func__, [&] {
    const cudaError_t result = check_device(device);
    if (result == cudaSuccess) choose_device(device);
    return result;
  });
}

cudaError_t cudaInitDevice(int device, unsigned /*device_flags*/, unsigned /*flags*/) {
  return call(__func__, [&] { return check_device(device); });
}

cudaError_t cudaGetDevice(int* device) {
  return call(__func__, [&] {
    if (device == nullptr) return cudaErrorInvalidValue;
    if (const cudaError_t result = check_device(current_device()); result != cudaSuccess) return result;
    *device = current_device();
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return call(__func__, [&] {
    if (properties == nullptr) return cudaErrorInvalidValue;
    const cudaError_t result = check_device(device);
    if (result == cudaSuccess) describe(*properties, device);
    return result;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return call(__func__, [&] {
    if (value == nullptr) return cudaErrorInvalidValue;
    const cudaError_t result = check_device(device);
    if (result != cudaSuccess) return result;
    return device_attribute(static_cast<int>(attribute), device, *value) ? cudaSuccess
                                                                         : cudaErrorInvalidValue;
  });
}

cudaError_t cudaDeviceGetPCIBusId(char* text, int bytes, int device) {
  return call(__func__, [&] {
    if (text == nullptr || bytes < 13) return cudaErrorInvalidValue;
    const cudaError_t result = check_device(device);
    if (result == cudaSuccess)
      std::snprintf(text, static_cast<std::size_t>(bytes), "0000:%02x:00.0", device + 1);
    return result;
  });
}

cudaError_t cudaDriverGetVersion(int* version) {
  return call(__func__, [&] {
    if (version == nullptr) return cudaErrorInvalidValue;
    *version = CUDART_VERSION;
    return cudaSuccess;
  });
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  return call(__func__, [&] {
    if (version == nullptr) return cudaErrorInvalidValue;
    *version = CUDART_VERSION;
    return cudaSuccess;
  });
}

// Asking for errors is no call that could fail: it is not counted, and no fault is set at it.
cudaError_t cudaGetLastError() {
  return last_error(true);
}
cudaError_t cudaPeekAtLastError() {
  return last_error(false);
}
const char* cudaGetErrorName(cudaError_t error) {
  return error_name(static_cast<int>(error));
}
const char* cudaGetErrorString(cudaError_t error) {
  return error_text(static_cast<int>(error));
}

}  // extern "C"
