#include "kernels/cuda/mix_experts.hpp"

#include <cstddef>

#include "kernels/cuda/alignment.hpp"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/read_quad.cuh"
#include "kernels/exact_exp.hpp"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 128;
/// That a multiprocessor shall hold at once. Where no number is given, the compiler saves registers by having
/// loads wait for each other.
constexpr unsigned multiprocessor_blocks = 8;
constexpr unsigned quad = 4;   ///< consecutive columns of a thread
constexpr unsigned batch = 8;  ///< rows that are asked for before the first is used
constexpr std::uint32_t grid_x_max = 0x7FFFFFFFU;
constexpr std::uint32_t grid_y_max = 65535;

/// What of an ExpertMix a kernel can take.
struct MixArguments {
  float* hidden;
  const float* outputs;
  const float* weights;
  const std::uint32_t* slots;
  const float* shared;
  const float* shared_gate;
  std::uint32_t top_k;
  std::uint32_t hidden_size;
};

/// As the reference's. The sum is not to be fused with the last product of exact_exp().
__device__ float sigmoid(float x) {
  const float small = exact_exp(-fabsf(x));
  return (x < 0 ? small : 1.0F) / __fadd_rn(1.0F, small);
}

__device__ void add_scaled(float4& sum, const float4& values, float scale) {
  sum.x = fmaf(scale, values.x, sum.x);
  sum.y = fmaf(scale, values.y, sum.y);
  sum.z = fmaf(scale, values.z, sum.z);
  sum.w = fmaf(scale, values.w, sum.w);
}

/// Adds experts `first` to `first` + 7 of the token, or where these are not `whole` those below top_k.
template <bool wide, bool whole>
__device__ __forceinline__ void add_experts(float4& sum, const MixArguments& call, std::size_t chosen,
                                            std::uint32_t first, std::uint32_t column) {
  float4 values[batch];
  float weights[batch];
#pragma unroll
  for (unsigned r = 0; r < batch; ++r) {
    if (!whole && first + r >= call.top_k) continue;
    const float* const row = call.outputs + std::size_t{call.slots[chosen + first + r]} * call.hidden_size;
    values[r] = read_quad<wide>(row, column, call.hidden_size);
    weights[r] = call.weights[chosen + first + r];
  }
#pragma unroll
  for (unsigned r = 0; r < batch; ++r)
    if (whole || first + r < call.top_k) add_scaled(sum, values[r], weights[r]);
}

/// Grid (tokens, blocks of columns).
template <bool wide>
__global__ void __launch_bounds__(block_threads, multiprocessor_blocks)
    mix_experts_kernel(const MixArguments call) {
  const std::uint32_t column = (blockIdx.y * block_threads + threadIdx.x) * quad;
  if (column >= call.hidden_size) return;
  const std::size_t chosen = std::size_t{blockIdx.x} * call.top_k;
  const std::size_t row = std::size_t{blockIdx.x} * call.hidden_size;
  float4 hidden = read_quad<wide>(call.hidden + row, column, call.hidden_size);
  float4 sum = {0, 0, 0, 0};
  std::uint32_t r = 0;
  for (; r + batch <= call.top_k; r += batch) add_experts<wide, true>(sum, call, chosen, r, column);
  if (r < call.top_k) add_experts<wide, false>(sum, call, chosen, r, column);
  if (call.shared != nullptr) {
    const float gate = call.shared_gate == nullptr ? 1.0F : sigmoid(call.shared_gate[blockIdx.x]);
    add_scaled(sum, read_quad<wide>(call.shared + row, column, call.hidden_size), gate);
  }
  hidden.x += sum.x;
  hidden.y += sum.y;
  hidden.z += sum.z;
  hidden.w += sum.w;
  write_quad<wide>(call.hidden + row, column, call.hidden_size, hidden);
}

std::uint32_t blocks_of_columns(const ExpertMix& call) {
  return (call.hidden_size - 1) / (block_threads * quad) + 1;
}

bool has_shape(const ExpertMix& call) {
  return call.hidden_size != 0 && blocks_of_columns(call) <= grid_y_max && call.tokens <= grid_x_max &&
         call.slots.size() == std::uint64_t{call.tokens} * call.top_k &&
         (call.shared != nullptr || call.shared_gate == nullptr);
}

bool has_pointers(const ExpertMix& call) {
  if (call.hidden == nullptr) return false;
  if (call.top_k != 0 && (call.outputs == nullptr || call.weights == nullptr || call.slots.data() == nullptr))
    return false;
  return is_on(call.hidden, sizeof(float)) && is_on(call.outputs, sizeof(float)) &&
         is_on(call.weights, sizeof(float)) && is_on(call.slots.data(), sizeof(std::uint32_t)) &&
         is_on(call.shared, sizeof(float)) && is_on(call.shared_gate, sizeof(float));
}

}  // namespace

cudaError_t mix_experts(const ExpertMix& call, cudaStream_t stream) noexcept {
  if (!has_shape(call)) return cudaErrorInvalidValue;
  if (call.tokens == 0) return cudaSuccess;
  if (!has_pointers(call)) return cudaErrorInvalidValue;
  const MixArguments arguments{call.hidden, call.outputs,     call.weights, call.slots.data(),
                               call.shared, call.shared_gate, call.top_k,   call.hidden_size};
  const LaunchShape shape{
      .grid = dim3(call.tokens, blocks_of_columns(call)), .block = dim3(block_threads), .stream = stream};
  const bool wide = call.hidden_size % quad == 0 && is_on(call.hidden, 16) && is_on(call.outputs, 16) &&
                    is_on(call.shared, 16);
  return launch(wide ? mix_experts_kernel<true> : mix_experts_kernel<false>, shape, arguments);
}

}  // namespace prophet::kernels::cuda
