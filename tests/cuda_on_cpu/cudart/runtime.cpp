#include <cuda_runtime.h>

#include <cstdlib>
#include <cstring>

#include "tests/cuda_on_cpu/simt/executor.hpp"
#include "tests/cuda_on_cpu/simt/launch.hpp"

// The least that a kernel test needs, until the CPU implementation of the CUDA runtime takes this file's
// place. Everything happens at once.
extern "C" {
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** place, std::size_t bytes) {
  *place = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  return *place == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
cudaError_t cudaFree(void* place) {
  std::free(place);
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}
cudaError_t cudaMemset(void* place, int value, std::size_t bytes) {
  std::memset(place, value, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* place, int value, std::size_t bytes, cudaStream_t) {
  return cudaMemset(place, value, bytes);
}
cudaError_t cudaHostAlloc(void** place, std::size_t bytes, unsigned) {
  return cudaMalloc(place, bytes);
}
cudaError_t cudaMallocHost(void** place, std::size_t bytes) {
  return cudaMalloc(place, bytes);
}
cudaError_t cudaFreeHost(void* place) {
  return cudaFree(place);
}
cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned) {
  *device = host;
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = nullptr;
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, 0);
}
cudaError_t cudaStreamDestroy(cudaStream_t) {
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = 108;
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
const char* cudaGetErrorName(cudaError_t) {
  return "cudaError";
}
const char* cudaGetErrorString(cudaError_t) {
  return "a CUDA error";
}
}

namespace prophet::simt {

cudaError_t enqueue(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t, const char*,
                    std::function<void()> body) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x * block.y * block.z == 0)
    return cudaErrorInvalidConfiguration;
  run_grid(grid, block, shared_bytes, body);
  return cudaSuccess;
}

}  // namespace prophet::simt
