#include "kernels/cuda/linear.hpp"

#include <cstddef>

#include "kernels/cuda/alignment.hpp"
#include "kernels/cuda/expert_piece.cuh"
#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/read_quad.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 256;
constexpr unsigned block_rows = block_threads / 32 * rows_of_warp;
constexpr std::uint32_t grid_y_max = 65535;

/// bf16 or fp16 whose rows begin on any 2 bytes and have any length; columns beyond it are 0.
template <class Code>
struct LooseHalfCode : Code {
  __device__ static uint4 load(const std::byte* row, unsigned chunk, unsigned columns) {
    const auto* values = reinterpret_cast<const std::uint16_t*>(row);
    std::uint32_t words[4];
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned first = chunk * 8 + 2 * i;
      const std::uint32_t low = first < columns ? values[first] : 0;
      const std::uint32_t high = first + 1 < columns ? values[first + 1] : 0;
      words[i] = low | high << 16U;
    }
    return make_uint4(words[0], words[1], words[2], words[3]);
  }
};

/// What the kernel takes besides the call.
struct LinearLayout {
  std::uint64_t row_bytes;
  bool quads_aligned;  ///< four values of the input may be read at once
};

__device__ inline std::uint32_t row_of_warp(unsigned k) {
  return (blockIdx.x * (block_threads / 32) + threadIdx.x / 32) * rows_of_warp + k;
}

/// Brings columns `first` to `end` (a multiple of four) of `Tokens` tokens from `token` on to shared memory;
/// tokens and columns beyond the last are zeros.
template <unsigned Tokens>
__device__ void stage(const Linear& call, bool quads_aligned, std::uint32_t token, unsigned first,
                      unsigned end, float4* staged) {
  for (unsigned quad = threadIdx.x; first + 4 * quad < end; quad += block_threads) {
    const unsigned column = first + 4 * quad;
#pragma unroll
    for (unsigned t = 0; t < Tokens; ++t) {
      float4 four = make_float4(0.0F, 0.0F, 0.0F, 0.0F);
      if (token + t < call.tokens && column < call.weights.columns) {
        const float* const row = call.input + std::size_t{token + t} * call.weights.columns;
        four = quads_aligned ? read_quad<true>(row, column, call.weights.columns)
                             : read_quad<false>(row, column, call.weights.columns);
      }
      staged[t * token_quads<Tokens> + quad + quad / 8] = four;
    }
  }
}

/// Up to `Tokens` tokens from `token` on; those beyond the last are computed as zeros and dropped.
template <class Code, unsigned Tokens>
__device__ void multiply(const Linear& call, const LinearLayout& layout, const WarpRows& rows,
                         std::uint32_t token, float4* staged) {
  const auto stage_tile = [&](unsigned first, unsigned end) {
    stage<Tokens>(call, layout.quads_aligned, token, first, end, staged);
  };
  float sums[rows_of_warp * Tokens] = {};
  sum_rows<Code, Tokens>(rows, call.weights.columns, staged, stage_tile, sums);
  const float sum = sum_over_lanes(sums);
  constexpr unsigned lanes_of_value = 32 / (rows_of_warp * Tokens);
  const unsigned index = threadIdx.x % 32 / lanes_of_value;
  const std::uint32_t row = row_of_warp(index % rows_of_warp);
  const std::uint32_t at = token + index / rows_of_warp;
  if (threadIdx.x % lanes_of_value != 0 || row >= call.weights.rows || at >= call.tokens) return;
  float* const output = call.output + std::size_t{at} * call.weights.rows + row;
  const float value = call.bias == nullptr ? sum : sum + load_one(call.bias, row, call.weights.format);
  *output = call.accumulate ? *output + value : value;
}

/// Grid (blocks of rows, passes of up to eight tokens); dynamic shared memory of staged_bytes<TokensMax>.
template <class Code, unsigned TokensMax>
__global__ void __launch_bounds__(block_threads, (blocks_at_once<Code, TokensMax>()))
    linear_kernel(const Linear call, const LinearLayout layout) {
  PROPHET_DYNAMIC_SHARED(float4, staged);
  WarpRows rows;
#pragma unroll
  for (unsigned k = 0; k < rows_of_warp; ++k) {
    const std::uint32_t row = row_of_warp(k);
    const std::uint32_t inside = row < call.weights.rows ? row : call.weights.rows - 1;
    rows.values[k] = static_cast<const std::byte*>(call.weights.data) + inside * layout.row_bytes;
    rows.scales[k] = nullptr;
  }
  const std::uint32_t token = blockIdx.y * TokensMax;
  const std::uint32_t left = call.tokens - token;
  if constexpr (TokensMax == 1) {
    multiply<Code, 1>(call, layout, rows, token, staged);
  } else if (left <= 2) {
    multiply<Code, 2>(call, layout, rows, token, staged);
  } else if (left <= 4) {
    multiply<Code, 4>(call, layout, rows, token, staged);
  } else {
    multiply<Code, few_token_rows>(call, layout, rows, token, staged);
  }
}

template <class Code, unsigned TokensMax>
cudaError_t launch_tokens(const Linear& call, const LinearLayout& layout, cudaStream_t stream) {
  const std::uint32_t passes = (call.tokens - 1) / TokensMax + 1;
  if (passes > grid_y_max) return cudaErrorInvalidValue;
  const LaunchShape shape{.grid = dim3((call.weights.rows - 1) / block_rows + 1, passes),
                          .block = dim3(block_threads),
                          .shared_bytes = staged_bytes<TokensMax>,
                          .stream = stream};
  return launch(linear_kernel<Code, TokensMax>, shape, call, layout);
}

/// A matrix that is read value by value is slow whatever the number of tokens: one kernel is enough.
template <class Code, class LooseCode>
cudaError_t launch_code(const Linear& call, cudaStream_t stream) {
  const std::uint64_t row_bytes = format_bytes(call.weights.format) * call.weights.columns;
  const LinearLayout layout{row_bytes, call.weights.columns % 4 == 0 && is_on(call.input, 16)};
  if (!is_on(call.weights.data, 16) || row_bytes % 16 != 0)
    return launch_tokens<LooseCode, few_token_rows>(call, layout, stream);
  return call.tokens == 1 ? launch_tokens<Code, 1>(call, layout, stream)
                          : launch_tokens<Code, few_token_rows>(call, layout, stream);
}

bool is_aligned(const Linear& call) {
  const std::uintptr_t value_bytes = format_bytes(call.weights.format);
  return is_on(call.weights.data, value_bytes) && is_on(call.bias, value_bytes) &&
         is_on(call.input, sizeof(float)) && is_on(call.output, sizeof(float));
}

}  // namespace

cudaError_t linear(const Linear& call, cudaStream_t stream) noexcept {
  if (!has_shape(call.weights)) return cudaErrorInvalidValue;
  if (call.tokens == 0) return cudaSuccess;
  if (call.weights.data == nullptr || call.input == nullptr || call.output == nullptr || !is_aligned(call))
    return cudaErrorInvalidValue;
  switch (call.weights.format) {
    case FloatFormat::fp32:
      return launch_code<Fp32Code, LooseFp32Code>(call, stream);
    case FloatFormat::fp16:
      return launch_code<Fp16Code, LooseHalfCode<Fp16Code>>(call, stream);
    case FloatFormat::bf16:
      return launch_code<Bf16Code, LooseHalfCode<Bf16Code>>(call, stream);
  }
  return cudaErrorInvalidValue;
}

}  // namespace prophet::kernels::cuda
