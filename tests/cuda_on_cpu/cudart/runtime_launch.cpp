// Kernel launches: what simt/launch.hpp asks of the runtime, and the calls about kernels.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/device_figures.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"
#include "tests/cuda_on_cpu/simt/executor.hpp"
#include "tests/cuda_on_cpu/simt/launch.hpp"

namespace prophet::cuda_on_cpu {
namespace {

using simt::block_threads_max;
using simt::dynamic_shared_bytes_max;

constexpr unsigned block_depth_max = 64;
constexpr unsigned grid_x_max = 0x7FFFFFFF;
constexpr unsigned grid_yz_max = 65535;

/// What cudaFuncSetAttribute allowed to each kernel.
struct SharedLimits {
  std::mutex mutex;
  std::map<const void*, std::size_t> bytes;
};

SharedLimits& shared_limits() {
  static SharedLimits& instance = *new SharedLimits;
  return instance;
}

void allow_shared_bytes(const void* kernel, std::size_t bytes) {
  SharedLimits& limits = shared_limits();
  const QuietLock lock(limits.mutex);
  limits.bytes[kernel] = bytes;
}

std::size_t shared_bytes_allowed(const void* kernel) {
  if (kernel == nullptr) return dynamic_shared_bytes_max;
  SharedLimits& limits = shared_limits();
  const QuietLock lock(limits.mutex);
  const auto found = limits.bytes.find(kernel);
  const std::size_t usual = figures.shared_bytes_per_block;
  return found == limits.bytes.end() ? usual : std::max(usual, found->second);
}

bool block_is_possible(dim3 block) {
  if (block.x == 0 || block.y == 0 || block.z == 0 || block.z > block_depth_max) return false;
  if (block.x > block_threads_max || block.y > block_threads_max) return false;
  return block.x * block.y * block.z <= block_threads_max;
}

bool grid_is_possible(dim3 grid) {
  return grid.x != 0 && grid.x <= grid_x_max && grid.y != 0 && grid.y <= grid_yz_max && grid.z != 0 &&
         grid.z <= grid_yz_max;
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

namespace prophet::simt {

using namespace prophet::cuda_on_cpu;

cudaError_t enqueue(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
                    const void* kernel_or_null, std::function<void()> body) {
  return call("cudaLaunchKernel", [&] {
    if (!block_is_possible(block) || !grid_is_possible(grid)) return cudaErrorInvalidConfiguration;
    if (shared_bytes > shared_bytes_allowed(kernel_or_null)) return cudaErrorInvalidValue;
    const StreamPtr found = find_stream(stream);
    // Kernels are those of the current device, and a stream takes its own device's only.
    if (!found || found->device != current_device()) return cudaErrorInvalidResourceHandle;
    Work work{.type = cudaGraphNodeTypeKernel, .operation = {}};
    work.operation.run = [=, thread = std::move(body)] {
      run_grid(grid, block, shared_bytes, thread);
      return cudaSuccess;
    };
    return cuda_on_cpu::enqueue(found, std::move(work));
  });
}

}  // namespace prophet::simt

using namespace prophet::cuda_on_cpu;

extern "C" {

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return call(__func__, [&] {
    if (function == nullptr) return cudaErrorInvalidDeviceFunction;
    if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
      if (value < 0 || static_cast<std::size_t>(value) > dynamic_shared_bytes_max)
        return cudaErrorInvalidValue;
      allow_shared_bytes(function, static_cast<std::size_t>(value));
      return cudaSuccess;
    }
    if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout)
      return value < -1 || value > 100 ? cudaErrorInvalidValue : cudaSuccess;
    return cudaErrorInvalidValue;
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* function) {
  return call(__func__, [&] {
    if (attributes == nullptr) return cudaErrorInvalidValue;
    if (function == nullptr) return cudaErrorInvalidDeviceFunction;
    *attributes = {};
    attributes->maxThreadsPerBlock = static_cast<int>(block_threads_max);
    attributes->maxDynamicSharedSizeBytes = static_cast<int>(shared_bytes_allowed(function));
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* function,
                                                          int block_threads, size_t shared_bytes) {
  return call(__func__, [&] {
    if (blocks == nullptr || block_threads <= 0) return cudaErrorInvalidValue;
    if (function == nullptr) return cudaErrorInvalidDeviceFunction;
    const std::size_t by_threads = 2 * block_threads_max / static_cast<std::size_t>(block_threads);
    const std::size_t by_shared = shared_bytes == 0 ? by_threads : dynamic_shared_bytes_max / shared_bytes;
    *blocks = static_cast<int>(std::min({by_threads, by_shared, std::size_t{32}}));
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* function,
                                                                   int block_threads, size_t shared_bytes,
                                                                   unsigned /*flags*/) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, block_threads, shared_bytes);
}

}  // extern "C"
