#include "kernels/cuda/rms_norm.hpp"

#include <algorithm>
#include <cstddef>

#include "kernels/cuda/alignment.hpp"
#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/read_quad.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned warp_threads = 32;
constexpr unsigned block_threads_max = 256;
/// That a multiprocessor shall hold at once. Where no number is given, the compiler saves registers by having
/// loads wait for each other.
constexpr unsigned multiprocessor_blocks = 4;
constexpr unsigned all_lanes = 0xFFFFFFFFU;
constexpr unsigned quad = 4;  ///< consecutive values of a row that a thread has at a time
constexpr std::uint32_t tile_columns = 4096;
/// Of a tile for one thread: a block has 256 threads, or a thread for every quad of the row.
constexpr unsigned thread_quads = tile_columns / quad / block_threads_max;
constexpr std::uint32_t grid_x_max = 0x7FFFFFFFU;
static_assert(norm_sum_lanes == warp_threads && tile_columns % warp_threads == 0);

/// Four weights from `at` on; zeros beyond the last.
template <bool wide>
__device__ float4 weight_quad(const RmsNorm& call, std::uint32_t at) {
  if (call.format == FloatFormat::fp32)
    return read_quad<wide>(static_cast<const float*>(call.weight), at, call.columns);
  if constexpr (wide) {
    return call.format == FloatFormat::fp16 ? load_quad<FloatFormat::fp16>(call.weight, at / quad)
                                            : load_quad<FloatFormat::bf16>(call.weight, at / quad);
  } else {
    float weights[quad] = {};
#pragma unroll
    for (unsigned i = 0; i < quad; ++i)
      if (call.columns - at > i) weights[i] = load_one(call.weight, at + i, call.format);
    return make_float4(weights[0], weights[1], weights[2], weights[3]);
  }
}

/// Brings columns `first` to `first + count` to shared memory; all are asked for before any is stored.
template <bool wide>
__device__ void bring_tile(float* tile, const float* row, std::uint32_t first, std::uint32_t count,
                           std::uint32_t columns) {
  float4 values[thread_quads];
#pragma unroll
  for (unsigned q = 0; q < thread_quads; ++q) {
    const std::uint32_t i = (q * blockDim.x + threadIdx.x) * quad;
    if (i < count) values[q] = read_quad<wide>(row, first + i, columns);
  }
#pragma unroll
  for (unsigned q = 0; q < thread_quads; ++q) {
    const std::uint32_t i = (q * blockDim.x + threadIdx.x) * quad;
    if (i < count) *reinterpret_cast<float4*>(tile + i) = values[q];
  }
}

/// The sum of the row's squares, a part in each lane of the first warp; `tile` is in shared memory.
template <bool wide>
__device__ double sum_of_squares(const float* row, std::uint32_t columns, float* tile) {
  double sum = 0;
  for (std::uint32_t first = 0; first < columns; first += tile_columns) {
    const std::uint32_t count = min(tile_columns, columns - first);
    bring_tile<wide>(tile, row, first, count, columns);
    __syncthreads();
    if (threadIdx.x < warp_threads) {
#pragma unroll 8
      for (std::uint32_t i = threadIdx.x; i < count; i += warp_threads) {
        const double value = tile[i];
        sum = fma(value, value, sum);
      }
    }
    __syncthreads();  // the next tile overwrites this one
  }
  return sum;
}

/// Block (row). Dynamic shared memory: a tile of the row, rounded up to whole quads.
template <bool wide>
__global__ void __launch_bounds__(block_threads_max, multiprocessor_blocks)
    rms_norm_kernel(const RmsNorm call) {
  PROPHET_DYNAMIC_SHARED(float, tile);
  __shared__ float shared_scale;
  const float* const row = call.input + std::size_t{blockIdx.x} * call.columns;
  float* const output = call.output + std::size_t{blockIdx.x} * call.columns;
  double sum = sum_of_squares<wide>(row, call.columns, tile);
  if (threadIdx.x < warp_threads) {
#pragma unroll
    for (unsigned step = warp_threads / 2; step != 0; step /= 2) sum += __shfl_xor_sync(all_lanes, sum, step);
    const double mean = sum / static_cast<double>(call.columns);
    if (threadIdx.x == 0)
      shared_scale = static_cast<float>(1.0 / sqrt(mean + static_cast<double>(call.epsilon)));
  }
  __syncthreads();
  const float scale = shared_scale;
  for (std::uint32_t i = threadIdx.x * quad; i < call.columns; i += blockDim.x * quad) {
    float4 value = read_quad<wide>(row, i, call.columns);
    const float4 weight = weight_quad<wide>(call, i);
    value.x = weight.x * (value.x * scale);
    value.y = weight.y * (value.y * scale);
    value.z = weight.z * (value.z * scale);
    value.w = weight.w * (value.w * scale);
    write_quad<wide>(output, i, call.columns, value);
  }
}

bool has_pointers(const RmsNorm& call) {
  return call.input != nullptr && call.output != nullptr && call.weight != nullptr &&
         is_on(call.input, sizeof(float)) && is_on(call.output, sizeof(float)) &&
         is_on(call.weight, format_bytes(call.format));
}

}  // namespace

cudaError_t rms_norm(const RmsNorm& call, cudaStream_t stream) noexcept {
  if (!has_shape(call) || call.rows > grid_x_max) return cudaErrorInvalidValue;
  if (call.rows == 0) return cudaSuccess;
  if (!has_pointers(call)) return cudaErrorInvalidValue;
  const std::uint32_t quads = (std::min(call.columns, tile_columns) + quad - 1) / quad;
  const std::uint32_t warps = (quads + warp_threads - 1) / warp_threads;
  const LaunchShape shape{.grid = dim3(call.rows),
                          .block = dim3(std::min(warps * warp_threads, block_threads_max)),
                          .shared_bytes = quads * sizeof(float4),
                          .stream = stream};
  const bool wide =
      call.columns % quad == 0 && is_on(call.input, 16) && is_on(call.output, 16) && is_on(call.weight, 16);
  return launch(wide ? rms_norm_kernel<true> : rms_norm_kernel<false>, shape, call);
}

}  // namespace prophet::kernels::cuda
