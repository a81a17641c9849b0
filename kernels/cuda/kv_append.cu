#include "kernels/cuda/kv_append.hpp"

#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/kv_place.cuh"
#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 128;

/// One or two matrices of rows [tokens, row_values]; the second lies page_tokens rows behind the first in a
/// page.
struct Append {
  KvPages pages;
  const void* first;
  const void* second;
  const std::uint32_t* positions;
  const std::uint32_t* sequence_of;
  std::uint32_t row_values;
};

/// Pack `source` of the rows becomes pack `target` of the place.
template <FloatFormat from, FloatFormat to>
__device__ __forceinline__ void move_pack(void* place, std::size_t target, const void* rows,
                                          std::size_t source) {
  if constexpr (from == to && from != FloatFormat::fp32) {
    static_cast<uint4*>(place)[target] = static_cast<const uint4*>(rows)[source];
  } else {
    float values[packed_values];
    load_packed<from>(rows, source, values);
    store_packed<to>(place, target, values);
  }
}

/// Block (token, matrix).
template <FloatFormat from, FloatFormat to>
__global__ void __launch_bounds__(block_threads) append_kernel(Append call) {
  const unsigned token = blockIdx.x;
  const std::uint32_t row_bytes = call.row_values * value_bytes<to>;
  const std::uint64_t place = place_of(call.pages, call.sequence_of[token], call.positions[token], row_bytes);
  if (place == no_place) return;
  unsigned char* row = static_cast<unsigned char*>(call.pages.base) + place +
                       std::size_t{blockIdx.y} * call.pages.page_tokens * row_bytes;
  const void* rows = blockIdx.y == 0 ? call.first : call.second;
  const std::size_t row_packs = call.row_values / packed_values;
  for (std::size_t i = threadIdx.x; i < row_packs; i += block_threads) {
    move_pack<from, to>(row, i, rows, token * row_packs + i);
  }
}

template <FloatFormat from>
cudaError_t launch_from(const Append& call, const LaunchShape& shape) {
  switch (call.pages.format) {
    case FloatFormat::fp32:
      return launch(append_kernel<from, FloatFormat::fp32>, shape, call);
    case FloatFormat::fp16:
      return launch(append_kernel<from, FloatFormat::fp16>, shape, call);
    case FloatFormat::bf16:
      return launch(append_kernel<from, FloatFormat::bf16>, shape, call);
  }
  return cudaErrorInvalidValue;
}

cudaError_t launch_append(const Append& call, FloatFormat from, std::uint32_t tokens, unsigned matrices,
                          cudaStream_t stream) {
  const LaunchShape shape{.grid = dim3(tokens, matrices), .block = dim3(block_threads), .stream = stream};
  switch (from) {
    case FloatFormat::fp32:
      return launch_from<FloatFormat::fp32>(call, shape);
    case FloatFormat::fp16:
      return launch_from<FloatFormat::fp16>(call, shape);
    case FloatFormat::bf16:
      return launch_from<FloatFormat::bf16>(call, shape);
  }
  return cudaErrorInvalidValue;
}

constexpr bool grid_holds(std::uint32_t tokens) {
  return tokens <= 0x7FFFFFFFU;
}

}  // namespace

cudaError_t kv_append(const KvPages& pages, const KvRows& rows, cudaStream_t stream) noexcept {
  if (rows.tokens == 0) return cudaSuccess;
  if (!can_append(pages, rows) || !grid_holds(rows.tokens)) return cudaErrorInvalidValue;
  const Append call{pages, rows.k, rows.v, rows.positions, rows.sequence_of, rows.kv_heads * rows.head_dim};
  return launch_append(call, rows.format, rows.tokens, 2, stream);
}

cudaError_t latent_append(const KvPages& pages, const LatentRows& rows, cudaStream_t stream) noexcept {
  if (rows.tokens == 0) return cudaSuccess;
  if (!can_append(pages, rows) || !grid_holds(rows.tokens)) return cudaErrorInvalidValue;
  const Append call{pages, rows.rows, nullptr, rows.positions, rows.sequence_of, rows.row_dim};
  return launch_append(call, rows.format, rows.tokens, 1, stream);
}

}  // namespace prophet::kernels::cuda
