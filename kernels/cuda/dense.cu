#include "kernels/cuda/dense.hpp"

#include <cmath>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/read_quad.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned warp_threads = 32;
constexpr unsigned all_lanes = 0xFFFFFFFFU;
constexpr unsigned block_warps = 4;
constexpr unsigned quad = 4;  ///< consecutive values that a lane has of each 128
constexpr unsigned step_values = warp_threads * quad;
/// That a multiprocessor shall hold at once: 64 registers a thread, and 80 for the sums of 8 tokens with
/// narrow loads. Where no number is given, the compiler saves registers by having loads wait for each other.
template <bool wide, unsigned tokens>
constexpr unsigned multiprocessor_blocks = !wide && tokens == 8 ? 6 : 8;
constexpr unsigned update_threads = 256;
constexpr std::uint32_t dimension_max = 0x7fffffffU;
constexpr std::uint32_t grid_y_max = 65535;

struct Shape {
  std::uint64_t rows;
  std::uint32_t hidden_size;
  std::uint32_t tokens;
};

/// Columns of a warp: the more tokens, the more columns must share what is read of them; the fewer tokens,
/// the more warps there are to keep loads in flight.
template <unsigned tokens>
constexpr unsigned columns_per_warp = tokens == 1   ? 1
                                      : tokens == 8 ? 4
                                                    : 2;

__device__ float add_products(float sum, float4 weights, float4 input) {
  sum = fmaf(weights.x, input.x, sum);
  sum = fmaf(weights.y, input.y, sum);
  sum = fmaf(weights.z, input.z, sum);
  return fmaf(weights.w, input.w, sum);
}

/// Steps of 128 columns whose weights a lane has on their way at a time. A matrix of a few thousand columns
/// has too few warps to keep a GPU's memory busy with less.
template <unsigned tokens>
constexpr unsigned steps_ahead = tokens == 1   ? 4
                                 : tokens == 8 ? 1
                                               : 2;

/// Adds what `steps` steps of the first `count` of the rows from `weights` on give for each token to the
/// lane's sums of their columns; `at` is the lane's first value. All weights are asked for before any is
/// used. Where the steps are not `whole` the row ends within them.
template <bool wide, bool whole, unsigned steps, unsigned tokens, unsigned columns>
__device__ __forceinline__ void add_steps(float (&sums)[columns][tokens], const float* hidden,
                                          const float* weights, std::uint32_t at, std::uint32_t hidden_size,
                                          unsigned tokens_here, unsigned count) {
  const std::size_t width = hidden_size;
  float4 weight[steps][columns] = {};
#pragma unroll
  for (unsigned s = 0; s < steps; ++s) {
#pragma unroll
    for (unsigned c = 0; c < columns; ++c) {
      const std::uint32_t i = at + s * step_values;
      if ((whole || i < hidden_size) && (columns == 1 || c < count))
        weight[s][c] = read_quad<wide>(weights + c * width, i, hidden_size);
    }
  }
#pragma unroll
  for (unsigned s = 0; s < steps; ++s) {
    const std::uint32_t i = at + s * step_values;
#pragma unroll
    for (unsigned t = 0; t < tokens; ++t) {
      if ((!whole && i >= hidden_size) || (tokens != 1 && t >= tokens_here)) continue;
      const float4 input = read_quad<wide>(hidden + t * width, i, hidden_size);
#pragma unroll
      for (unsigned c = 0; c < columns; ++c) {
        if (columns == 1 || c < count) sums[c][t] = add_products(sums[c][t], weight[s][c], input);
      }
    }
  }
}

/// The same with whole rows.
template <bool wide, unsigned tokens, unsigned columns>
__device__ void add_rows(float (&sums)[columns][tokens], const float* hidden, const float* weights,
                         std::uint32_t hidden_size, unsigned tokens_here, unsigned count) {
  constexpr unsigned steps = steps_ahead<tokens>;
  std::uint32_t i = threadIdx.x % warp_threads * quad;
#pragma unroll 1
  for (; i + (steps - 1) * step_values < hidden_size; i += steps * step_values)
    add_steps<wide, true, steps>(sums, hidden, weights, i, hidden_size, tokens_here, count);
  if (steps > 1 && i < hidden_size)
    add_steps<wide, false, steps>(sums, hidden, weights, i, hidden_size, tokens_here, count);
}

/// The sum of the lanes' values, in every lane.
__device__ float warp_sum(float value) {
#pragma unroll
  for (unsigned step = warp_threads / 2; step != 0; step /= 2)
    value += __shfl_xor_sync(all_lanes, value, step);
  return value;
}

/// folded[t, j] = sum over r with r mod hidden_size == j of hidden[t] . weights[r]. A warp has a few columns
/// j, and all the rows that fold onto them; blockIdx.y counts batches of `tokens` tokens.
template <bool wide, unsigned tokens>
__global__ void __launch_bounds__(block_warps* warp_threads, (multiprocessor_blocks<wide, tokens>))
    dense_fold_kernel(const float* hidden, const float* weights, float* folded, Shape shape) {
  constexpr unsigned columns = columns_per_warp<tokens>;
  const std::uint32_t column = (blockIdx.x * block_warps + threadIdx.x / warp_threads) * columns;
  if (column >= shape.hidden_size) return;
  const std::uint32_t first_token = blockIdx.y * tokens;
  const unsigned tokens_here = min(tokens, shape.tokens - first_token);
  const unsigned columns_here = min(columns, shape.hidden_size - column);
  const std::size_t width = shape.hidden_size;
  float sums[columns][tokens] = {};
  for (std::uint64_t row = column; row < shape.rows; row += width) {
    const std::uint64_t rest = shape.rows - row;
    const unsigned rows_here = rest < columns_here ? static_cast<unsigned>(rest) : columns_here;
    add_rows<wide, tokens, columns>(sums, hidden + first_token * width, weights + row * width,
                                    shape.hidden_size, tokens_here, rows_here);
  }
#pragma unroll
  for (unsigned t = 0; t < tokens; ++t) {
#pragma unroll
    for (unsigned c = 0; c < columns; ++c) {
      const float sum = warp_sum(sums[c][t]);
      if (threadIdx.x % warp_threads != 0 || t >= tokens_here || c >= columns_here) continue;
      folded[(first_token + t) * width + column + c] = sum;
    }
  }
}

/// hidden[i] += scale * folded[i] for all `count` of them, four a thread.
template <bool wide>
__global__ void __launch_bounds__(update_threads)
    dense_update_kernel(float* hidden, const float* folded, float scale, std::size_t count) {
  const std::size_t first = (std::size_t{blockIdx.x} * update_threads + threadIdx.x) * quad;
  if (first >= count) return;
  if constexpr (wide) {
    const float4 sum = *reinterpret_cast<const float4*>(folded + first);
    float4 value = *reinterpret_cast<const float4*>(hidden + first);
    value.x = fmaf(scale, sum.x, value.x);
    value.y = fmaf(scale, sum.y, value.y);
    value.z = fmaf(scale, sum.z, value.z);
    value.w = fmaf(scale, sum.w, value.w);
    *reinterpret_cast<float4*>(hidden + first) = value;
  } else {
    for (std::size_t i = first; i < first + quad && i < count; ++i)
      hidden[i] = fmaf(scale, folded[i], hidden[i]);
  }
}

[[nodiscard]] bool is_wide(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % (quad * sizeof(float)) == 0;
}

template <bool wide, unsigned tokens>
[[nodiscard]] cudaError_t fold(const float* hidden, const float* weights, float* folded, const Shape& shape,
                               cudaStream_t stream) {
  constexpr unsigned columns = block_warps * columns_per_warp<tokens>;
  const unsigned batches = (shape.tokens - 1) / tokens + 1;
  if (batches > grid_y_max) return cudaErrorInvalidValue;
  const LaunchShape blocks{.grid = dim3((shape.hidden_size + columns - 1) / columns, batches),
                           .block = dim3(block_warps * warp_threads),
                           .stream = stream};
  return launch(dense_fold_kernel<wide, tokens>, blocks, hidden, weights, folded, shape);
}

template <bool wide>
[[nodiscard]] cudaError_t fold_and_update(float* hidden, const float* weights, float* folded,
                                          const Shape& shape, cudaStream_t stream) {
  const auto chosen = shape.tokens == 1   ? fold<wide, 1>
                      : shape.tokens == 2 ? fold<wide, 2>
                      : shape.tokens <= 4 ? fold<wide, 4>
                                          : fold<wide, 8>;
  const cudaError_t folded_status = chosen(hidden, weights, folded, shape, stream);
  if (folded_status != cudaSuccess) return folded_status;
  const std::size_t count = std::size_t{shape.tokens} * shape.hidden_size;
  const std::size_t blocks = (count + update_threads * quad - 1) / (update_threads * quad);
  const LaunchShape threads{
      .grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(update_threads), .stream = stream};
  const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape.rows)));
  return launch(dense_update_kernel<wide>, threads, hidden, folded, scale, count);
}

}  // namespace

cudaError_t dense(float* hidden, const float* weights, std::uint32_t tokens, std::uint64_t rows,
                  std::uint32_t hidden_size, float* workspace, cudaStream_t stream) noexcept {
  if (hidden_size == 0 || hidden_size > dimension_max) return cudaErrorInvalidValue;
  if (tokens == 0 || rows == 0) return cudaSuccess;
  if (hidden == nullptr || weights == nullptr || workspace == nullptr) return cudaErrorInvalidValue;
  const std::uint64_t updates = std::uint64_t{tokens} * hidden_size / (update_threads * quad);
  if (updates >= dimension_max) return cudaErrorInvalidValue;
  const Shape shape{rows, hidden_size, tokens};
  const bool wide = hidden_size % quad == 0 && is_wide(hidden) && is_wide(weights) && is_wide(workspace);
  return wide ? fold_and_update<true>(hidden, weights, workspace, shape, stream)
              : fold_and_update<false>(hidden, weights, workspace, shape, stream);
}

}  // namespace prophet::kernels::cuda
