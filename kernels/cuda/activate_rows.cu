#include "kernels/cuda/activate_rows.hpp"

#include "kernels/cuda/alignment.hpp"
#include "kernels/cuda/expert_activation.cuh"
#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 256;
constexpr unsigned quad = 4;  ///< consecutive values of a thread
constexpr std::uint64_t values_max = (1ULL << 40) - 1;

/// Four values a thread from `wide` addresses, the last ones one by one.
template <bool wide>
__global__ void __launch_bounds__(block_threads) activate_rows_kernel(const ActivatedRows call) {
  const std::uint64_t first = (std::uint64_t{blockIdx.x} * block_threads + threadIdx.x) * quad;
  const ExpertActivation activation = call.activation;
  if (wide && first + quad <= call.values) {
    float4 gate = *reinterpret_cast<const float4*>(call.gate + first);
    float4 up = {0, 0, 0, 0};
    if (call.up != nullptr) up = *reinterpret_cast<const float4*>(call.up + first);
    gate.x = activate_value(activation, gate.x, up.x);
    gate.y = activate_value(activation, gate.y, up.y);
    gate.z = activate_value(activation, gate.z, up.z);
    gate.w = activate_value(activation, gate.w, up.w);
    *reinterpret_cast<float4*>(call.gate + first) = gate;
    return;
  }
#pragma unroll 1
  for (std::uint64_t i = first; i < first + quad && i < call.values; ++i)
    call.gate[i] = activate_value(activation, call.gate[i], call.up == nullptr ? 0.0F : call.up[i]);
}

bool has_pointers(const ActivatedRows& call) {
  if (call.gate == nullptr || (is_gated(call.activation) && call.up == nullptr)) return false;
  return is_on(call.gate, sizeof(float)) && is_on(call.up, sizeof(float));
}

}  // namespace

cudaError_t activate_rows(const ActivatedRows& call, cudaStream_t stream) noexcept {
  if (!is_known(call.activation) || call.values > values_max) return cudaErrorInvalidValue;
  if (call.values == 0) return cudaSuccess;
  if (!has_pointers(call)) return cudaErrorInvalidValue;
  const std::uint64_t blocks = (call.values - 1) / (block_threads * quad) + 1;
  const LaunchShape shape{
      .grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(block_threads), .stream = stream};
  const bool wide = is_on(call.gate, 16) && is_on(call.up, 16);
  return launch(wide ? activate_rows_kernel<true> : activate_rows_kernel<false>, shape, call);
}

}  // namespace prophet::kernels::cuda
