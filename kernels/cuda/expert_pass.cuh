#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/expert_activation.cuh"
#include "kernels/cuda/expert_decode.cuh"
#include "kernels/cuda/expert_piece.cuh"
#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/expert_crossover.hpp"
#include "kernels/expert_ffn_formats.hpp"
#include "kernels/expert_layout.hpp"

/// One pass of the few-token kernel: every projection of a list of experts into, or out of, the inner layer.
///
/// A warp computes four rows of the slab (two of gate and the same two of up, or four of one projection) for
/// up to eight tokens, so that a weight is read once and a token's value, from shared memory, serves four
/// weights. The block brings its tokens to shared memory, 1,024 columns at a time or more; what a lane needs
/// next of its four rows is on its way meanwhile (expert_piece.cuh).
namespace prophet::kernels::cuda {

inline constexpr unsigned pass_threads = 256;
inline constexpr unsigned pass_warps = pass_threads / 32;

struct PassArguments {
  // The experts: `one_slab` with `one_rows` rows, or lists in device memory.
  const std::byte* one_slab;
  const void* const* slabs;
  const std::uint32_t* first_row;
  const std::uint32_t* count;
  std::uint32_t one_rows;
  // What is multiplied: rows of `source`; the i-th is rows[i], or i without `rows`.
  FloatFormat source_format;
  const void* source;
  const std::uint32_t* rows;
  // With what.
  MatrixLayout first;   ///< gate or down
  MatrixLayout second;  ///< up, if `paired`
  bool paired;
  bool activated;
  bool has_bias;
  bool quads_aligned;  ///< four values of the source may be read at once
  FloatFormat bias_format;
  ExpertActivation activation;
  std::uint64_t row_bytes;
  std::uint32_t scales_in_row;
  // What for: [rows, first.rows] fp32.
  float* target;
};

/// The expert of a block, its rows in the lists.
struct BlockExpert {
  const std::byte* slab;
  std::uint32_t first;
  std::uint32_t rows;
};

__device__ inline BlockExpert expert_of_block(const PassArguments& pass) {
  if (pass.slabs == nullptr) return {pass.one_slab, 0, pass.one_rows};
  if (blockIdx.y >= *pass.count) return {nullptr, 0, 0};
  const std::uint32_t first = pass.first_row[blockIdx.y];
  return {static_cast<const std::byte*>(pass.slabs[blockIdx.y]), first,
          pass.first_row[blockIdx.y + 1] - first};
}

/// Row k of the four of this warp.
struct WarpRow {
  bool of_second;
  std::uint32_t output;  ///< the row of its projection; may be beyond the last
};

__device__ inline WarpRow row_of_warp(const PassArguments& pass, unsigned k) {
  const unsigned warp = blockIdx.x * pass_warps + threadIdx.x / 32;
  if (pass.paired) return {k % 2 == 1, warp * 2 + k / 2};
  return {false, warp * rows_of_warp + k};
}

__device__ inline std::uint64_t stored_row(const MatrixLayout& matrix, std::uint32_t row) {
  return matrix.row_first + std::uint64_t{matrix.row_step} * row;
}

template <class Code>
__device__ const std::byte* scales_of_row(const PassArguments& pass, const MatrixLayout& matrix,
                                          const std::byte* slab, std::uint32_t row) {
  const std::uint64_t scale_row = stored_row(matrix, row) / Code::scale_rows;
  return slab + matrix.scales_offset_bytes + scale_row * pass.scales_in_row * Code::scale_bytes;
}

template <class Code>
__device__ WarpRows find_rows(const PassArguments& pass, const std::byte* slab) {
  WarpRows rows;
#pragma unroll
  for (unsigned k = 0; k < rows_of_warp; ++k) {
    const WarpRow row = row_of_warp(pass, k);
    const MatrixLayout& matrix = row.of_second ? pass.second : pass.first;
    const std::uint32_t inside = row.output < matrix.rows ? row.output : matrix.rows - 1;
    rows.values[k] = slab + matrix.values_offset_bytes + stored_row(matrix, inside) * pass.row_bytes;
    rows.scales[k] =
        Code::scale_of == ScaleOf::columns ? scales_of_row<Code>(pass, matrix, slab, inside) : nullptr;
  }
  return rows;
}

/// Four values of a source row from `column` on; 0 beyond the last column.
__device__ inline float4 source_quad(const PassArguments& pass, std::uint64_t row, unsigned column) {
  const unsigned columns = pass.first.columns;
  const std::uint64_t at = row * columns + column;
  if (!pass.quads_aligned) {
    float four[4];
    for (unsigned i = 0; i < 4; ++i)
      four[i] = column + i < columns ? load_one(pass.source, at + i, pass.source_format) : 0.0F;
    return make_float4(four[0], four[1], four[2], four[3]);
  }
  if (pass.source_format == FloatFormat::fp32)
    return *reinterpret_cast<const float4*>(static_cast<const float*>(pass.source) + at);
  const uint2 words = *reinterpret_cast<const uint2*>(static_cast<const std::uint16_t*>(pass.source) + at);
  const bool brain = pass.source_format == FloatFormat::bf16;
  const float2 low =
      brain ? unpack_pair<FloatFormat::bf16>(words.x) : unpack_pair<FloatFormat::fp16>(words.x);
  const float2 high =
      brain ? unpack_pair<FloatFormat::bf16>(words.y) : unpack_pair<FloatFormat::fp16>(words.y);
  return make_float4(low.x, low.y, high.x, high.y);
}

/// Brings columns `tile` to `end` (a multiple of four) of `Tokens` tokens to shared memory; tokens from
/// `rows` on are zeros, and so are columns beyond the last.
template <unsigned Tokens>
__device__ void stage(const PassArguments& pass, std::uint32_t first, std::uint32_t rows, unsigned tile,
                      unsigned end, float4* staged) {
  for (unsigned quad = threadIdx.x; tile + 4 * quad < end; quad += pass_threads) {
    const unsigned column = tile + 4 * quad;
#pragma unroll
    for (unsigned token = 0; token < Tokens; ++token) {
      float4 four = make_float4(0.0F, 0.0F, 0.0F, 0.0F);
      if (token < rows && column < pass.first.columns) {
        const std::uint32_t position = first + token;
        four = source_quad(pass, pass.rows == nullptr ? position : pass.rows[position], column);
      }
      staged[token * token_quads<Tokens> + quad + quad / 8] = four;
    }
  }
}

__device__ inline float bias_of_row(const PassArguments& pass, const MatrixLayout& matrix,
                                    const std::byte* slab, std::uint32_t row) {
  return pass.has_bias ? load_one(slab + matrix.bias_offset_bytes, stored_row(matrix, row), pass.bias_format)
                       : 0.0F;
}

/// Scales, biases, activation; writes what this lane holds.
template <class Code, unsigned Tokens>
__device__ void finish(const PassArguments& pass, const BlockExpert& expert, std::uint32_t done, float sum) {
  constexpr unsigned lanes_of_value = 32 / (rows_of_warp * Tokens);
  const unsigned lane = threadIdx.x % 32;
  const unsigned index = lane / lanes_of_value;
  const std::uint32_t token = done + index / rows_of_warp;
  const WarpRow row = row_of_warp(pass, index % rows_of_warp);
  const MatrixLayout& matrix = row.of_second ? pass.second : pass.first;
  const bool inside = row.output < matrix.rows && token < expert.rows;
  float value = 0.0F;
  if (inside) {
    float scale = Code::scale_of == ScaleOf::columns ? 1.0F : Code::unit;
    if (Code::scale_of == ScaleOf::row)
      scale *= scale_fp32(scales_of_row<Code>(pass, matrix, expert.slab, row.output));
    value = fmaf(sum, scale, bias_of_row(pass, matrix, expert.slab, row.output));
  }
  const float up = __shfl_xor_sync(0xFFFFFFFFU, value, lanes_of_value);
  if (!inside || lane % lanes_of_value != 0 || row.of_second) return;
  if (pass.activated) value = activate_value(pass.activation, value, up);
  pass.target[std::uint64_t{expert.first + token} * matrix.rows + row.output] = value;
}

/// The next `Tokens` rows of the expert from `done` on; those beyond its last are computed as zeros and
/// dropped.
template <class Code, unsigned Tokens>
__device__ void multiply(const PassArguments& pass, const BlockExpert& expert, const WarpRows& rows,
                         std::uint32_t done, float4* staged) {
  const auto stage_tile = [&](unsigned tile, unsigned end) {
    stage<Tokens>(pass, expert.first + done, expert.rows - done, tile, end, staged);
  };
  float sums[rows_of_warp * Tokens] = {};
  sum_rows<Code, Tokens>(rows, pass.first.columns, staged, stage_tile, sums);
  finish<Code, Tokens>(pass, expert, done, sum_over_lanes(sums));
}

/// Grid [blocks of output rows, experts]; dynamic shared memory of staged_bytes<TokensMax>.
template <class Code, unsigned TokensMax>
__global__ void __launch_bounds__(pass_threads, (blocks_at_once<Code, TokensMax>()))
    expert_pass_kernel(const PassArguments pass) {
  PROPHET_DYNAMIC_SHARED(float4, staged);
  const BlockExpert expert = expert_of_block(pass);
  if (expert.slab == nullptr) return;
  const WarpRows rows = find_rows<Code>(pass, expert.slab);
  std::uint32_t done = 0;
  while (done < expert.rows) {
    const std::uint32_t left = expert.rows - done;
    if constexpr (TokensMax == 1) {
      multiply<Code, 1>(pass, expert, rows, done, staged);
      done += 1;
    } else if (left <= 2) {
      multiply<Code, 2>(pass, expert, rows, done, staged);
      done += 2;
    } else if (left <= 4) {
      multiply<Code, 4>(pass, expert, rows, done, staged);
      done += 4;
    } else {
      multiply<Code, few_token_rows>(pass, expert, rows, done, staged);
      done += few_token_rows;
    }
  }
}

}  // namespace prophet::kernels::cuda
