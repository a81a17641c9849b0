#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/expert_decode.cuh"
#include "kernels/expert_crossover.hpp"
#include "kernels/expert_ffn_formats.hpp"

/// What a warp of the few-token kernels (expert_pass.cuh, linear.cu) does with its four rows of a matrix, 16
/// bytes of each at a time: how many of them are on their way, and how they are multiplied and summed.
namespace prophet::kernels::cuda {

inline constexpr unsigned rows_of_warp = 4;

/// Columns that a block has in shared memory at a time; fewer tokens leave room for more, and wait less
/// often. A multiple of what 32 lanes read at once, so that a lane's chunks are the same ones whatever the
/// tile.
template <unsigned Tokens>
inline constexpr unsigned tile_columns = Tokens <= 2 ? 4096 : 8192 / Tokens;

/// Quads, of four columns, from one token of a tile to the next. One quad in nine is a gap, which keeps eight
/// lanes that read 16 bytes each, at any stride that a format has, in eight different groups of banks.
template <unsigned Tokens>
inline constexpr unsigned token_quads = tile_columns<Tokens> / 4 / 8 * 9;

template <unsigned Tokens>
inline constexpr std::size_t staged_bytes = std::size_t{Tokens} * token_quads<Tokens> * sizeof(float4);

/// Where the four rows of a warp lie. Rows beyond the last are the last once more.
struct WarpRows {
  const std::byte* values[rows_of_warp];
  const std::byte* scales[rows_of_warp];
};

/// What a lane reads of its four rows at a time.
struct Piece {
  uint4 codes[rows_of_warp];
  float scales[rows_of_warp];
};

template <class Code>
__device__ Piece load_piece(const WarpRows& rows, unsigned chunk, unsigned columns) {
  Piece piece;
#pragma unroll
  for (unsigned k = 0; k < rows_of_warp; ++k) {
    piece.codes[k] = Code::load(rows.values[k], chunk, columns);
    piece.scales[k] =
        Code::scale_of == ScaleOf::columns ? Code::scale(rows.scales[k], chunk * Code::values) : 1.0F;
  }
  return piece;
}

/// sums[4 * token + k] += row k of the piece times the token's values, columns ascending.
template <class Code, unsigned Tokens>
__device__ void add_codes(const Piece& piece, const float4* staged, float (&sums)[rows_of_warp * Tokens]) {
#pragma unroll
  for (unsigned quad = 0; quad < Code::values / 4; ++quad) {
    float codes[rows_of_warp][4];
#pragma unroll
    for (unsigned k = 0; k < rows_of_warp; ++k) Code::decode(piece.codes[k], quad, codes[k]);
#pragma unroll
    for (unsigned token = 0; token < Tokens; ++token) {
      const float4 x = staged[token * token_quads<Tokens> + quad];
#pragma unroll
      for (unsigned k = 0; k < rows_of_warp; ++k) {
        float& sum = sums[rows_of_warp * token + k];
        sum = fmaf(codes[k][0], x.x, sum);
        sum = fmaf(codes[k][1], x.y, sum);
        sum = fmaf(codes[k][2], x.z, sum);
        sum = fmaf(codes[k][3], x.w, sum);
      }
    }
  }
}

/// The same with the scale of the piece, if its format has one there.
template <class Code, unsigned Tokens>
__device__ void add_piece(const Piece& piece, const float4* staged, float (&sums)[rows_of_warp * Tokens]) {
  if constexpr (Code::scale_of != ScaleOf::columns) {
    add_codes<Code, Tokens>(piece, staged, sums);
  } else {
    float parts[rows_of_warp * Tokens] = {};
    add_codes<Code, Tokens>(piece, staged, parts);
#pragma unroll
    for (unsigned i = 0; i < rows_of_warp * Tokens; ++i)
      sums[i] = fmaf(piece.scales[i % rows_of_warp], parts[i] * Code::unit, sums[i]);
  }
}

/// Adds every value over the lanes, those 16 apart first, then 8, 4, 2, 1. A lane ends with one of them:
/// number lane / (32 / Count). The half that a lane does not need any more goes to the lane that does.
template <unsigned Count>
__device__ float sum_over_lanes(float (&values)[Count]) {
  static_assert(Count <= expert_sum_lanes && (Count & (Count - 1)) == 0);
  const unsigned lane = threadIdx.x % 32;
  unsigned held = Count;
#pragma unroll
  for (unsigned step = 16; step != 0; step /= 2) {
    if (held > 1) {
      held /= 2;
      const bool upper = (lane & step) != 0;
#pragma unroll
      for (unsigned i = 0; i < Count / 2; ++i) {
        if (i >= held) continue;
        const float give = upper ? values[i] : values[i + held];
        const float keep = upper ? values[i + held] : values[i];
        values[i] = keep + __shfl_xor_sync(0xFFFFFFFFU, give, step);
      }
    } else {
      values[0] += __shfl_xor_sync(0xFFFFFFFFU, values[0], step);
    }
  }
  return values[0];
}

/// Pieces that a lane has on their way. Few tokens leave registers for several, and need them: few blocks, as
/// one expert or short rows have, keep the memory busy in no other way.
template <class Code, unsigned Tokens>
inline constexpr unsigned pieces_ahead = Tokens == few_token_rows                            ? 1
                                         : Tokens == 1 && Code::scale_of != ScaleOf::columns ? 4
                                                                                             : 2;

/// Uses one piece, and sends for the one that takes its place. A lane with several does so when it is done
/// with the piece, so that no registers are copied; with one it would then have none on its way.
template <class Code, unsigned Tokens>
__device__ __forceinline__ void take_piece(Piece& next, const WarpRows& rows, unsigned chunk,
                                           unsigned columns, unsigned tile, const float4* staged,
                                           float (&sums)[rows_of_warp * Tokens], unsigned& with_nan) {
  constexpr unsigned ahead = pieces_ahead<Code, Tokens>;
  const unsigned chunks = (columns + Code::values - 1) / Code::values;
  const unsigned quad = chunk * (Code::values / 4) - tile / 4;
  const auto use = [&](const Piece& piece) {
    add_piece<Code, Tokens>(piece, staged + quad + quad / 8, sums);
    if (Code::has_nan_codes) {
#pragma unroll
      for (unsigned k = 0; k < rows_of_warp; ++k) with_nan |= Code::has_nan(piece.codes[k]) ? 1U << k : 0U;
    }
  };
  const unsigned after = chunk + 32 * ahead;
  if constexpr (ahead == 1) {
    const Piece piece = next;
    if (after < chunks) next = load_piece<Code>(rows, after, columns);
    use(piece);
  } else {
    use(next);
    if (after < chunks) next = load_piece<Code>(rows, after, columns);
  }
}

/// sums[4 * token + k], zeros before, is row k of the warp times the token over this lane's columns.
/// stage(first, end) brings columns `first` to `end` of the tokens to shared memory, with the whole block;
/// all threads of the block come here together.
template <class Code, unsigned Tokens, class Stage>
__device__ __forceinline__ void sum_rows(const WarpRows& rows, unsigned columns, const float4* staged,
                                         const Stage& stage, float (&sums)[rows_of_warp * Tokens]) {
  constexpr unsigned ahead = pieces_ahead<Code, Tokens>;
  static_assert(tile_columns<Tokens> % (32 * Code::values * ahead) == 0,
                "a tile begins with the first piece");
  const unsigned chunks = (columns + Code::values - 1) / Code::values;
  unsigned with_nan = 0;  // a bit for each of the four rows
  unsigned chunk = threadIdx.x % 32;
  Piece next[ahead] = {};
#pragma unroll
  for (unsigned i = 0; i < ahead; ++i)
    if (chunk + 32 * i < chunks) next[i] = load_piece<Code>(rows, chunk + 32 * i, columns);
#pragma unroll 1
  for (unsigned tile = 0; tile < columns; tile += tile_columns<Tokens>) {
    const unsigned tile_end = (tile + tile_columns<Tokens>) / Code::values;
    const unsigned end = tile_end < chunks ? tile_end : chunks;
    stage(tile, end * Code::values);
    __syncthreads();
#pragma unroll 1
    for (; chunk < end; chunk += 32 * ahead) {
#pragma unroll
      for (unsigned i = 0; i < ahead; ++i)
        if (i == 0 || chunk + 32 * i < end)
          take_piece<Code, Tokens>(next[i], rows, chunk + 32 * i, columns, tile, staged, sums, with_nan);
    }
    __syncthreads();  // the next tile, or the next rows, overwrite this one
  }
  if (Code::has_nan_codes) {
#pragma unroll
    for (unsigned i = 0; i < rows_of_warp * Tokens; ++i)
      if ((with_nan >> (i % rows_of_warp) & 1U) != 0) sums[i] = float_of_bits(0x7FC00000U);
  }
}

/// Blocks that share the registers of a multiprocessor. Where eight tokens have a sum of the chunk beside the
/// total a thread takes more than 128, and eight independent sums a row hide what a second block would. From
/// compute capability 10 on the compiler pairs registers for packed fp32 arithmetic and does not get by with
/// 128 at all.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1000
inline constexpr unsigned blocks_of_eight_tokens = 1;
#else
inline constexpr unsigned blocks_of_eight_tokens = 2;
#endif

template <class Code, unsigned TokensMax>
constexpr unsigned blocks_at_once() {
  if (Code::scale_of == ScaleOf::columns) return TokensMax == 1 ? 2 : 1;
  return TokensMax == 1 ? 2 : blocks_of_eight_tokens;
}

}  // namespace prophet::kernels::cuda
