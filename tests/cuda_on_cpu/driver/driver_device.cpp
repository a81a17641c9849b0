// Devices, contexts and errors of the CUDA driver.
#include <cuda.h>

#include <algorithm>
#include <cstdio>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/device_figures.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"
#include "tests/cuda_on_cpu/driver/driver_call.hpp"
#include "tests/cuda_on_cpu/driver/driver_errors.hpp"

namespace prophet::cuda_on_cpu {
namespace {

cudaError_t check_device(CUdevice device) {
  return device >= 0 && device < machine().device_count ? cudaSuccess : cudaErrorInvalidDevice;
}

/// One primary context a device, and no other: a number that nobody can dereference.
CUcontext primary_context(CUdevice device) {
  return reinterpret_cast<CUcontext>(std::uintptr_t{0x59000000} + 16U * static_cast<unsigned>(device));
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

CUresult cuInit(unsigned flags) {
  return driver_call(__func__, [&] {
    if (flags != 0) return cudaErrorInvalidValue;
    return machine().device_count == 0 ? cudaErrorNoDevice : cudaSuccess;
  });
}

CUresult cuDriverGetVersion(int* version) {
  return driver_call(__func__, [&] {
    if (version == nullptr) return cudaErrorInvalidValue;
    *version = CUDA_VERSION;
    return cudaSuccess;
  });
}

CUresult cuDeviceGetCount(int* count) {
  return driver_call(__func__, [&] {
    if (count == nullptr) return cudaErrorInvalidValue;
    *count = machine().device_count;
    return cudaSuccess;
  });
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return driver_call(__func__, [&] {
    if (device == nullptr) return cudaErrorInvalidValue;
    *device = ordinal;
    return check_device(ordinal);
  });
}

CUresult cuDeviceGetName(char* name, int bytes, CUdevice device) {
  return driver_call(__func__, [&] {
    if (name == nullptr || bytes <= 0) return cudaErrorInvalidValue;
    if (const cudaError_t result = check_device(device); result != cudaSuccess) return result;
    std::snprintf(name, static_cast<std::size_t>(bytes), "%s", device_name(device).c_str());
    return cudaSuccess;
  });
}

CUresult cuDeviceTotalMem(size_t* bytes, CUdevice device) {
  return driver_call(__func__, [&] {
    if (bytes == nullptr) return cudaErrorInvalidValue;
    *bytes = machine().memory_bytes;
    return check_device(device);
  });
}

CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  return driver_call(__func__, [&] {
    if (value == nullptr) return cudaErrorInvalidValue;
    if (const cudaError_t result = check_device(device); result != cudaSuccess) return result;
    return device_attribute(static_cast<int>(attribute), device, *value) ? cudaSuccess
                                                                         : cudaErrorInvalidValue;
  });
}

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  return driver_call(__func__, [&] {
    if (context == nullptr) return cudaErrorInvalidValue;
    if (const cudaError_t result = check_device(device); result != cudaSuccess) return result;
    *context = primary_context(device);
    return cudaSuccess;
  });
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  return releasing_driver_call(__func__, [&] { return check_device(device); });
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  return driver_call(__func__, [&] {
    if (context == nullptr) return cudaErrorInvalidValue;
    *context = primary_context(current_device());
    return cudaSuccess;
  });
}

CUresult cuCtxSetCurrent(CUcontext context) {
  return driver_call(__func__, [&] {
    for (int device = 0; device < machine().device_count; ++device) {
      if (context != primary_context(device)) continue;
      choose_device(device);
      return cudaSuccess;
    }
    return cudaErrorDeviceUninitialized;
  });
}

CUresult cuCtxGetDevice(CUdevice* device) {
  return driver_call(__func__, [&] {
    if (device == nullptr) return cudaErrorInvalidValue;
    *device = current_device();
    return cudaSuccess;
  });
}

CUresult cuCtxSynchronize() {
  return driver_call(__func__, [&] {
    for (const StreamPtr& stream : streams_of(current_device())) synchronise(*stream);
    return take_late_error();
  });
}

CUresult cuGetErrorName(CUresult error, const char** name) {
  *name = driver_error_name(error);
  return *name != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = driver_error_name(error) != nullptr ? error_text(static_cast<int>(error)) : nullptr;
  return *text != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // extern "C"
