#include "kernels/cuda/combine.hpp"

#include "kernels/combine.hpp"
#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 256;
constexpr unsigned warp_threads = 32;
constexpr unsigned all_lanes = 0xFFFFFFFFU;

/// The sum of `value` over the block, in every thread.
__device__ double block_sum(double value) {
  __shared__ double of_warp[block_threads / warp_threads];
  for (unsigned step = warp_threads / 2; step != 0; step /= 2)
    value += __shfl_xor_sync(all_lanes, value, step);
  if (threadIdx.x % warp_threads == 0) of_warp[threadIdx.x / warp_threads] = value;
  __syncthreads();
  double sum = 0;
  for (const double part : of_warp) sum += part;
  return sum;
}

/// One block a token: hidden[t] += mean of its slots' outputs, then scaled by 1 / rms.
__global__ void __launch_bounds__(block_threads)
    combine_kernel(float* hidden, const float* outputs, const std::uint32_t* slots, std::uint32_t top_k,
                   std::uint32_t hidden_size) {
  float* row = hidden + std::size_t{blockIdx.x} * hidden_size;
  const std::uint32_t* chosen = slots + std::size_t{blockIdx.x} * top_k;
  double squares = 0;
  for (unsigned i = threadIdx.x; i < hidden_size; i += block_threads) {
    float sum = 0;
    for (std::uint32_t r = 0; r < top_k; ++r) sum += outputs[std::size_t{chosen[r]} * hidden_size + i];
    const float value = top_k == 0 ? row[i] : row[i] + sum / static_cast<float>(top_k);
    row[i] = value;
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double mean = block_sum(squares) / hidden_size;
  const auto scale = static_cast<float>(1.0 / sqrt(mean + static_cast<double>(rms_norm_epsilon)));
  for (unsigned i = threadIdx.x; i < hidden_size; i += block_threads) row[i] *= scale;
}

}  // namespace

cudaError_t combine(float* hidden, const float* outputs, const std::uint32_t* slots, std::uint32_t tokens,
                    std::uint32_t top_k, std::uint32_t hidden_size, cudaStream_t stream) noexcept {
  if (tokens == 0) return cudaSuccess;
  if (hidden_size == 0 || hidden == nullptr) return cudaErrorInvalidValue;
  if (top_k != 0 && (outputs == nullptr || slots == nullptr)) return cudaErrorInvalidValue;
  const LaunchShape shape{.grid = dim3(tokens), .block = dim3(block_threads), .stream = stream};
  return launch(combine_kernel, shape, hidden, outputs, slots, top_k, hidden_size);
}

}  // namespace prophet::kernels::cuda
