#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "tests/ptx/kernels/device.hpp"

/// CUDA's runtime calls that launchers and kernel tests make, on the interpreter, and the calls of the
/// start-up code that nvcc puts into every object. Only the kernels' tests link this file.
namespace {

using prophet::ptx::Device;
using prophet::ptx::Dim;

constexpr std::size_t device_alignment = 256;
/// What fresh device memory holds.
constexpr int fresh_byte = 0xA5;

cudaError_t allocate(void** out, std::size_t bytes, bool is_host) {
  if (out == nullptr) return cudaErrorInvalidValue;
  *out = nullptr;
  if (bytes == 0) return cudaSuccess;
  void* memory = std::aligned_alloc(device_alignment,
                                    (bytes + device_alignment - 1) / device_alignment * device_alignment);
  if (memory == nullptr) return cudaErrorMemoryAllocation;
  std::memset(memory, fresh_byte, bytes);
  Device::instance().memory().add(memory, bytes, is_host ? "host memory" : "device memory", is_host);
  *out = memory;
  return cudaSuccess;
}

cudaError_t release(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  if (!Device::instance().memory().holds(memory, 1)) return cudaErrorInvalidValue;
  Device::instance().memory().remove(memory);
  std::free(memory);
  return cudaSuccess;
}

/// True when a device address of a copy lies, to its end, in memory that was allocated.
bool is_device_range(const void* memory, std::size_t bytes) {
  return Device::instance().memory().holds(memory, bytes);
}

Dim dim_of(dim3 dim) {
  return {dim.x, dim.y, dim.z};
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) {
  return cudaSuccess;
}
cudaError_t cudaDeviceSynchronize() {
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return cudaSuccess;
}
cudaError_t cudaGetLastError() {
  return cudaSuccess;
}
cudaError_t cudaPeekAtLastError() {
  return cudaSuccess;
}
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaSuccess ? "cudaSuccess" : "an error";
}
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess ? "no error" : "the interpreter refused it";
}
cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) {
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = 4;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = 163 << 10;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = 48 << 10;
      return cudaSuccess;
    default:
      return cudaErrorInvalidValue;
  }
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  return allocate(memory, bytes, false);
}
cudaError_t cudaFree(void* memory) {
  return release(memory);
}
cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
  return allocate(memory, bytes, true);
}
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return allocate(memory, bytes, true);
}
cudaError_t cudaFreeHost(void* memory) {
  return release(memory);
}
cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned) {
  *device = host;
  return cudaSuccess;
}

cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) {
  if (bytes == 0) return cudaSuccess;
  if (!is_device_range(memory, bytes)) return cudaErrorInvalidValue;
  Device::instance().submit([=] {
    std::memset(memory, value, bytes);
    Device::instance().memory().mark_initialised(memory, bytes);
  });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t) {
  return cudaMemset(memory, value, bytes);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (bytes == 0) return cudaSuccess;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (to_device && !is_device_range(to, bytes)) return cudaErrorInvalidValue;
  if (from_device && !is_device_range(from, bytes)) return cudaErrorInvalidValue;
  std::memmove(to, from, bytes);
  if (to_device) Device::instance().memory().mark_initialised(to, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* function, void** arguments) {
  if (config->numAttrs != 0) return cudaErrorNotSupported;
  prophet::ptx::Launch launch{.grid = dim_of(config->gridDim),
                              .block = dim_of(config->blockDim),
                              .shared_bytes = config->dynamicSmemBytes};
  return Device::instance().launch(function, std::move(launch), arguments) ? cudaSuccess
                                                                           : cudaErrorLaunchFailure;
}

// Start-up code of objects that nvcc compiled. What it registers is the machine code, which nobody runs here;
// the names of its kernels are what is wanted.
void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterVar(void**, char*, char*, const char*, int, std::size_t, int, int) {}
void __cudaRegisterFunction(void**, const char* host_function, char*, const char* device_name, int, uint3*,
                            uint3*, dim3*, dim3*, int*) {
  Device::register_kernel(host_function, device_name);
}
// Host stubs call these; launches take another way, and nothing calls a stub.
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*) {
  return cudaErrorNotSupported;
}
cudaError_t __cudaGetKernel(cudaKernel_t*, const void*) {
  return cudaErrorNotSupported;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t, dim3, dim3, void**, std::size_t, cudaStream_t) {
  return cudaErrorNotSupported;
}

}  // extern "C"
