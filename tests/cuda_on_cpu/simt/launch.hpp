#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <functional>
#include <tuple>
#include <type_traits>

/// How a kernel is started on the vehicle. kernels/cuda/launch.cuh is the only caller.
namespace prophet::simt {

/// Submits a grid to the stream: `body` runs one CUDA thread, and is called by the executor once for each. It
/// is part of the CPU implementation of the runtime (cudart/); the errors are cudaLaunchKernel's. More than
/// 48 KiB of shared memory must have been allowed to the kernel with cudaFuncSetAttribute; a null kernel has
/// no such limit.
[[nodiscard]] cudaError_t enqueue(dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
                                  const void* kernel_or_null, std::function<void()> body);

/// This block's dynamic shared memory, 16-byte aligned; for device code only.
[[nodiscard]] void* dynamic_shared();

/// Arguments are copied when the launch is submitted, as on a device.
template <class... Parameters>
[[nodiscard]] cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, dim3 block,
                                 std::size_t shared_bytes, cudaStream_t stream,
                                 std::type_identity_t<Parameters>... arguments) {
  static_assert((std::is_trivially_destructible_v<Parameters> && ...),
                "a kernel's arguments are copied byte by byte");
  return enqueue(grid, block, shared_bytes, stream, reinterpret_cast<const void*>(kernel),
                 [kernel, values = std::tuple<Parameters...>(arguments...)] { std::apply(kernel, values); });
}

}  // namespace prophet::simt
