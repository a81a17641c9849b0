#include "kernels/cuda/rotary.hpp"

#include <cstddef>

#include "kernels/cuda/alignment.hpp"
#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 256;
constexpr std::uint32_t grid_x_max = 0x7FFFFFFFU;

/// Turns (low, high) by the angle of this cosine and sine.
__device__ void turn(float& low, float& high, float cosine, float sine) {
  const float turned = fmaf(low, cosine, -(high * sine));
  high = fmaf(high, cosine, low * sine);
  low = turned;
}

__device__ void turn(float4& low, float4& high, const float4& cosine, const float4& sine) {
  turn(low.x, high.x, cosine.x, sine.x);
  turn(low.y, high.y, cosine.y, sine.y);
  turn(low.z, high.z, cosine.z, sine.z);
  turn(low.w, high.w, cosine.w, sine.w);
}

__device__ float all_of(float value, float) {
  return value;
}
__device__ float4 all_of(float value, const float4&) {
  return make_float4(value, value, value, value);
}

/// Block (token). A Value is four neighbouring floats, or one.
template <class Value>
__global__ void __launch_bounds__(block_threads) rotary_kernel(const Rotary call) {
  const std::uint32_t half = call.head_dim / 2 / (sizeof(Value) / sizeof(float));
  const std::uint32_t position = call.positions[blockIdx.x];
  const bool known = position < call.positions_max;
  const Value* const cosines = reinterpret_cast<const Value*>(call.table) + std::size_t{position} * 2 * half;
  Value* const values =
      reinterpret_cast<Value*>(call.values) + std::size_t{blockIdx.x} * call.heads * 2 * half;
  for (std::uint32_t pair = threadIdx.x; pair < call.heads * half; pair += block_threads) {
    const std::uint32_t head = pair / half;
    const std::uint32_t i = pair - head * half;
    Value* const low = values + head * 2 * half + i;
    Value* const high = low + half;
    Value first = all_of(NAN, Value{});
    Value second = first;
    if (known) {
      first = *low;
      second = *high;
      turn(first, second, cosines[i], cosines[half + i]);
    }
    *low = first;
    *high = second;
  }
}

bool has_pointers(const Rotary& call) {
  return call.values != nullptr && call.table != nullptr && call.positions != nullptr &&
         is_on(call.values, sizeof(float)) && is_on(call.table, sizeof(float)) &&
         is_on(call.positions, sizeof(std::uint32_t));
}

}  // namespace

cudaError_t rotary(const Rotary& call, cudaStream_t stream) noexcept {
  if (!has_shape(call) || call.tokens > grid_x_max) return cudaErrorInvalidValue;
  if (call.tokens == 0) return cudaSuccess;
  if (!has_pointers(call)) return cudaErrorInvalidValue;
  const LaunchShape shape{.grid = dim3(call.tokens), .block = dim3(block_threads), .stream = stream};
  const bool wide = call.head_dim % 8 == 0 && is_on(call.values, 16) && is_on(call.table, 16);
  return wide ? launch(rotary_kernel<float4>, shape, call) : launch(rotary_kernel<float>, shape, call);
}

}  // namespace prophet::kernels::cuda
