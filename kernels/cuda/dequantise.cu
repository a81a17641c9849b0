#include "kernels/cuda/dequantise.hpp"

#include "kernels/cuda/expert_decode.cuh"
#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 256;

struct Arguments {
  ExpertBatch experts;
  std::uint64_t values_offset_bytes;
  std::uint64_t scales_offset_bytes;
  std::uint64_t stride_values;
  std::uint64_t chunks;  ///< of one slab
  std::uint32_t row_chunks;
  std::uint32_t scales_in_row;
  std::uint16_t* output;
};

/// The scale of a chunk; all its values have the same one.
template <class Code>
__device__ float scale_of_chunk(const Arguments& to, const std::byte* slab, std::uint64_t row,
                                unsigned column) {
  const std::byte* scales = slab + to.scales_offset_bytes +
                            row / Code::scale_rows * to.scales_in_row * std::uint64_t{Code::scale_bytes};
  return Code::scale_of == ScaleOf::row ? scale_fp32(scales) : Code::scale(scales, column);
}

/// Grid [chunks of 16 bytes / 256, experts].
template <class Code>
__global__ void __launch_bounds__(block_threads) dequantise_kernel(const Arguments to) {
  const std::uint64_t index = std::uint64_t{blockIdx.x} * block_threads + threadIdx.x;
  if (index >= to.chunks) return;
  const std::byte* slab = to.experts.slabs[blockIdx.y];
  const std::uint64_t row = index / to.row_chunks;
  const auto column = static_cast<unsigned>(index % to.row_chunks) * Code::values;
  const uint4 chunk = reinterpret_cast<const uint4*>(slab + to.values_offset_bytes)[index];
  const float scale = scale_of_chunk<Code>(to, slab, row, column);
  auto* output = reinterpret_cast<uint4*>(to.output + blockIdx.y * to.stride_values + index * Code::values);
#pragma unroll
  for (unsigned part = 0; part < Code::values / packed_values; ++part) {
    float values[packed_values];
#pragma unroll
    for (unsigned half = 0; half < 2; ++half) {
      float four[4];
      Code::decode(chunk, 2 * part + half, four);
#pragma unroll
      for (unsigned i = 0; i < 4; ++i) {
        const bool is_nan = Code::has_nan_codes && Code::is_nan(chunk, 8 * part + 4 * half + i);
        values[4 * half + i] = is_nan ? float_of_bits(0x7FC00000U) : four[i] * Code::unit * scale;
      }
    }
    output[part] = pack<FloatFormat::bf16>(values);
  }
}

template <class Code>
cudaError_t launch_code(Arguments& to, const MatrixLayout& matrix, cudaStream_t stream) {
  if constexpr (Code::scale_of == ScaleOf::nothing) {
    return cudaErrorInvalidValue;
  } else {
    to.row_chunks = matrix.columns / Code::values;
    to.chunks = std::uint64_t{matrix.rows} * matrix.row_step * to.row_chunks;
    const auto blocks = static_cast<unsigned>((to.chunks + block_threads - 1) / block_threads);
    const LaunchShape shape{
        .grid = dim3(blocks, to.experts.count), .block = dim3(block_threads), .stream = stream};
    return launch(dequantise_kernel<Code>, shape, to);
  }
}

bool is_on_16_bytes(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

bool has_slabs(const ExpertBatch& experts) {
  if (experts.count > expert_batch_max) return false;
  for (std::uint32_t e = 0; e < experts.count; ++e)
    if (experts.slabs[e] == nullptr || !is_on_16_bytes(experts.slabs[e])) return false;
  return true;
}

}  // namespace

cudaError_t dequantise(ExpertFormat format, const MatrixLayout& matrix, const ExpertBatch& experts,
                       void* output, std::uint64_t stride_values, cudaStream_t stream) noexcept {
  if (static_cast<int>(format) >= expert_format_count || matrix.columns == 0 || matrix.rows == 0 ||
      matrix.columns % format_info(format).column_multiple() != 0 || stride_values % packed_values != 0 ||
      !has_slabs(experts)) {
    return cudaErrorInvalidValue;
  }
  if (experts.count == 0) return cudaSuccess;
  if (output == nullptr || !is_on_16_bytes(output)) return cudaErrorInvalidValue;
  Arguments to{.experts = experts,
               .values_offset_bytes = matrix.values_offset_bytes,
               .scales_offset_bytes = matrix.scales_offset_bytes,
               .stride_values = stride_values,
               .chunks = 0,
               .row_chunks = 0,
               .scales_in_row = static_cast<std::uint32_t>(scales_in_row(format, matrix.columns)),
               .output = static_cast<std::uint16_t*>(output)};
  return with_code(format, cudaErrorInvalidValue,
                   [&](auto code) { return launch_code<decltype(code)>(to, matrix, stream); });
}

}  // namespace prophet::kernels::cuda
