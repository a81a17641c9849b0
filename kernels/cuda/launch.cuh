#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

/// The only way in which CUDA sources start a kernel and name dynamic shared memory, because neither
/// `kernel<<<...>>>` nor `extern __shared__` is C++: what a host compiler builds for the test vehicle (see
/// tests/cuda_on_cpu) are these very sources.
namespace prophet::kernels::cuda {

struct LaunchShape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;  ///< dynamic shared memory of a block
  cudaStream_t stream = nullptr;
};

/// Submits one launch to the stream. Arguments are converted to the kernel's parameter types. An empty grid
/// is the caller's affair: CUDA refuses it.
template <class... Parameters, class... Arguments>
[[nodiscard]] cudaError_t launch(void (*kernel)(Parameters...), const LaunchShape& shape,
                                 Arguments&&... arguments) {
#ifdef PROPHET_CUDA_ON_CPU
  return prophet::simt::launch(kernel, shape.grid, shape.block, shape.shared_bytes, shape.stream,
                               static_cast<Parameters>(std::forward<Arguments>(arguments))...);
#else
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = shape.stream;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(std::forward<Arguments>(arguments))...);
#endif
}

}  // namespace prophet::kernels::cuda

/// Declares `name` as this block's dynamic shared memory, an array of `Type` aligned to 16 bytes.
#ifdef PROPHET_CUDA_ON_CPU
#define PROPHET_DYNAMIC_SHARED(Type, name) \
  Type* const name = static_cast<Type*>(prophet::simt::dynamic_shared())
#else
#define PROPHET_DYNAMIC_SHARED(Type, name)                                \
  extern __shared__ __align__(16) unsigned char prophet_dynamic_shared[]; \
  Type* const name = reinterpret_cast<Type*>(prophet_dynamic_shared)
#endif
