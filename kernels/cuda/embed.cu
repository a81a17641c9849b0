#include "kernels/cuda/embed.hpp"

#include <cstddef>

#include "kernels/cuda/alignment.hpp"
#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 256;
constexpr std::uint32_t grid_x_max = 0x7FFFFFFFU;

/// Block (token). Columns in packs of eight.
template <FloatFormat format>
__global__ void __launch_bounds__(block_threads) embed_kernel(const Embedding call) {
  const std::uint32_t id = call.ids[blockIdx.x];
  const std::size_t packs = call.table.columns / packed_values;
  for (std::size_t i = threadIdx.x; i < packs; i += block_threads) {
    float values[packed_values] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (id < call.table.rows) load_packed<format>(call.table.data, id * packs + i, values);
    store_packed<FloatFormat::fp32>(call.output, blockIdx.x * packs + i, values);
  }
}

/// Any number of columns, wherever table and output begin.
__global__ void __launch_bounds__(block_threads) embed_narrow_kernel(const Embedding call) {
  const std::uint32_t id = call.ids[blockIdx.x];
  const std::size_t columns = call.table.columns;
  for (std::size_t i = threadIdx.x; i < columns; i += block_threads) {
    call.output[blockIdx.x * columns + i] =
        id < call.table.rows ? load_one(call.table.data, id * columns + i, call.table.format) : NAN;
  }
}

bool has_pointers(const Embedding& call) {
  return call.table.data != nullptr && call.ids != nullptr && call.output != nullptr &&
         is_on(call.table.data, format_bytes(call.table.format)) && is_on(call.ids, sizeof(std::uint32_t)) &&
         is_on(call.output, sizeof(float));
}

}  // namespace

cudaError_t embed(const Embedding& call, cudaStream_t stream) noexcept {
  if (!has_shape(call.table) || call.tokens > grid_x_max) return cudaErrorInvalidValue;
  if (call.tokens == 0) return cudaSuccess;
  if (!has_pointers(call)) return cudaErrorInvalidValue;
  const LaunchShape shape{.grid = dim3(call.tokens), .block = dim3(block_threads), .stream = stream};
  if (call.table.columns % packed_values != 0 || !is_on(call.table.data, 16) || !is_on(call.output, 16))
    return launch(embed_narrow_kernel, shape, call);
  switch (call.table.format) {
    case FloatFormat::fp32:
      return launch(embed_kernel<FloatFormat::fp32>, shape, call);
    case FloatFormat::fp16:
      return launch(embed_kernel<FloatFormat::fp16>, shape, call);
    case FloatFormat::bf16:
      return launch(embed_kernel<FloatFormat::bf16>, shape, call);
  }
  return cudaErrorInvalidValue;
}

}  // namespace prophet::kernels::cuda
