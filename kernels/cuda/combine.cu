#include "kernels/cuda/combine.hpp"

#include "kernels/combine.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/read_quad.cuh"

namespace prophet::kernels::cuda {
namespace {

/// As many as a block may have: a decode step has few tokens, and a token's rows must keep enough loads in
/// flight by themselves.
constexpr unsigned block_threads = 1024;
constexpr unsigned warp_threads = 32;
constexpr unsigned block_warps = block_threads / warp_threads;
constexpr unsigned all_lanes = 0xFFFFFFFFU;
constexpr std::uint32_t dimension_max = 0x7fffffffU;  ///< of a grid, and so that columns can be counted
constexpr unsigned quad = 4;  ///< consecutive values of a row that a thread has at a time

/// The sum over r of four values of the chosen rows, in the order of r.
template <bool wide>
__device__ float4 sum_of_chosen(const float* outputs, const std::uint32_t* chosen, std::uint32_t top_k,
                                std::uint32_t at, std::uint32_t hidden_size) {
  float4 sum = {0, 0, 0, 0};
#pragma unroll 4
  for (std::uint32_t r = 0; r < top_k; ++r) {
    const float4 output = read_quad<wide>(outputs + std::size_t{chosen[r]} * hidden_size, at, hidden_size);
    sum.x += output.x;
    sum.y += output.y;
    sum.z += output.z;
    sum.w += output.w;
  }
  return sum;
}

__device__ double square(float value) {
  return static_cast<double>(value) * static_cast<double>(value);
}

/// The sum of `value` over the block, in every thread.
__device__ double block_sum(double value) {
  __shared__ double of_warp[block_warps];
  for (unsigned step = warp_threads / 2; step != 0; step /= 2)
    value += __shfl_xor_sync(all_lanes, value, step);
  if (threadIdx.x % warp_threads == 0) of_warp[threadIdx.x / warp_threads] = value;
  __syncthreads();
  double sum = 0;
  for (const double part : of_warp) sum += part;
  return sum;
}

/// One block a token: hidden[t] += mean of its slots' outputs, then scaled by 1 / rms.
template <bool wide>
__global__ void __launch_bounds__(block_threads)
    combine_kernel(float* hidden, const float* outputs, const std::uint32_t* slots, std::uint32_t top_k,
                   std::uint32_t hidden_size) {
  float* row = hidden + std::size_t{blockIdx.x} * hidden_size;
  const std::uint32_t* chosen = slots + std::size_t{blockIdx.x} * top_k;
  const auto ranks = static_cast<float>(top_k);
  double squares = 0;
  for (std::uint32_t i = threadIdx.x * quad; i < hidden_size; i += block_threads * quad) {
    float4 value = read_quad<wide>(row, i, hidden_size);
    if (top_k != 0) {
      const float4 sum = sum_of_chosen<wide>(outputs, chosen, top_k, i, hidden_size);
      value.x += sum.x / ranks;
      value.y += sum.y / ranks;
      value.z += sum.z / ranks;
      value.w += sum.w / ranks;
      write_quad<wide>(row, i, hidden_size, value);
    }
    squares += square(value.x) + square(value.y) + square(value.z) + square(value.w);
  }
  const double mean = block_sum(squares) / hidden_size;
  const auto scale = static_cast<float>(1.0 / sqrt(mean + static_cast<double>(rms_norm_epsilon)));
  for (std::uint32_t i = threadIdx.x * quad; i < hidden_size; i += block_threads * quad) {
    float4 value = read_quad<wide>(row, i, hidden_size);
    value.x *= scale;
    value.y *= scale;
    value.z *= scale;
    value.w *= scale;
    write_quad<wide>(row, i, hidden_size, value);
  }
}

[[nodiscard]] bool is_wide(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % (quad * sizeof(float)) == 0;
}

}  // namespace

cudaError_t combine(float* hidden, const float* outputs, const std::uint32_t* slots, std::uint32_t tokens,
                    std::uint32_t top_k, std::uint32_t hidden_size, cudaStream_t stream) noexcept {
  if (tokens == 0) return cudaSuccess;
  if (hidden_size == 0 || hidden_size > dimension_max || tokens > dimension_max || hidden == nullptr)
    return cudaErrorInvalidValue;
  if (top_k != 0 && (outputs == nullptr || slots == nullptr)) return cudaErrorInvalidValue;
  const bool wide = hidden_size % quad == 0 && is_wide(hidden) && is_wide(outputs);
  const LaunchShape shape{.grid = dim3(tokens), .block = dim3(block_threads), .stream = stream};
  return launch(wide ? combine_kernel<true> : combine_kernel<false>, shape, hidden, outputs, slots, top_k,
                hidden_size);
}

}  // namespace prophet::kernels::cuda
