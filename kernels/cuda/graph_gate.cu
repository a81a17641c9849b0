#include "kernels/cuda/graph_gate.hpp"

#include "kernels/cuda/launch.cuh"

#ifdef PROPHET_CUDA_ON_CPU
extern "C" void cudaGraphSetConditional(cudaGraphConditionalHandle handle, unsigned value);
#endif

namespace prophet::kernels::cuda {
namespace {

__global__ void __launch_bounds__(1)
    graph_gate_kernel(cudaGraphConditionalHandle handle, const std::uint32_t* missing) {
  cudaGraphSetConditional(handle, *missing == 0 ? 1U : 0U);
}

}  // namespace

cudaError_t graph_gate(cudaGraphConditionalHandle handle, const std::uint32_t* missing,
                       cudaStream_t stream) noexcept {
  if (missing == nullptr) return cudaErrorInvalidValue;
  const LaunchShape shape{.grid = dim3(1), .block = dim3(1), .stream = stream};
  return launch(graph_gate_kernel, shape, handle, missing);
}

}  // namespace prophet::kernels::cuda
