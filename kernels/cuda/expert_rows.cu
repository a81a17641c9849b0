#include "kernels/cuda/expert_rows.hpp"

#include <algorithm>

#include "kernels/cuda/expert_activation.cuh"
#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/launch.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 256;
constexpr std::uint64_t blocks_of_expert_max = 4096;

/// Eight values, or one, at a time: `Values` of them from value index * Values on.
template <FloatFormat format, int Values>
__device__ void load_values(const void* from, std::size_t index, float (&values)[packed_values]) {
  if constexpr (Values == 1) {
    values[0] = load_one(from, index, format);
  } else {
    load_packed<format>(from, index, values);
  }
}

template <FloatFormat format, int Values>
__device__ void store_values(void* to, std::size_t index, const float (&values)[packed_values]) {
  if constexpr (Values == 1) {
    store_one(to, index, format, values[0]);
  } else {
    store_packed<format>(to, index, values);
  }
}

/// Grid [rows, pieces of a row / 256].
template <FloatFormat From, FloatFormat To, int Values>
__global__ void __launch_bounds__(block_threads)
    gather_kernel(const void* hidden, const std::uint32_t* rows, std::uint32_t pieces, void* gathered) {
  const unsigned piece = blockIdx.y * block_threads + threadIdx.x;
  if (piece >= pieces) return;
  float values[packed_values];
  load_values<From, Values>(hidden, std::size_t{rows[blockIdx.x]} * pieces + piece, values);
  store_values<To, Values>(gathered, std::size_t{blockIdx.x} * pieces + piece, values);
}

/// Where the biases of the columns lie in a slab.
struct Biases {
  std::uint64_t offset_bytes = 0;
  std::uint32_t first = 0;
  std::uint32_t step = 1;
  FloatFormat format = FloatFormat::fp32;
  bool given = false;
};

Biases biases_of(const SlabLayout& layout, const MatrixLayout& matrix) {
  const ExpertFormat format = layout.shape.format;
  const FloatFormat narrow = format == ExpertFormat::fp16 ? FloatFormat::fp16 : FloatFormat::bf16;
  return {matrix.bias_offset_bytes, matrix.row_first, matrix.row_step,
          format == ExpertFormat::fp32 ? FloatFormat::fp32 : narrow, layout.shape.has_bias};
}

__device__ float bias_of(const Biases& biases, const std::byte* slab, std::uint32_t column) {
  if (!biases.given) return 0.0F;
  return load_one(slab + biases.offset_bytes, biases.first + std::size_t{biases.step} * column,
                  biases.format);
}

struct RowsArguments {
  ExpertBatch experts;
  Biases first;
  Biases second;
  bool gated;
  ExpertActivation activation;
  std::uint32_t pieces;  ///< of a row
  void* values;
  const void* up;
  float* output;
};

/// Calls `use` with every piece of the block's expert that is this thread's: its index and its first column.
template <int Values, class Use>
__device__ void for_pieces(const RowsArguments& with, Use use) {
  const std::size_t first = std::size_t{with.experts.first_row[blockIdx.y]} * with.pieces;
  const std::size_t count = std::size_t{with.experts.rows[blockIdx.y]} * with.pieces;
  const std::size_t stride = std::size_t{gridDim.x} * block_threads;
  for (std::size_t i = std::size_t{blockIdx.x} * block_threads + threadIdx.x; i < count; i += stride)
    use(first + i, static_cast<std::uint32_t>(i % with.pieces) * Values);
}

/// Grid [pieces of an expert's rows / 256, experts].
template <FloatFormat format, int Values>
__global__ void __launch_bounds__(block_threads) activate_kernel(const RowsArguments with) {
  const std::byte* slab = with.experts.slabs[blockIdx.y];
  for_pieces<Values>(with, [&](std::size_t index, std::uint32_t column) {
    float gate[packed_values];
    float up[packed_values] = {};
    load_values<format, Values>(with.values, index, gate);
    if (with.gated) load_values<format, Values>(with.up, index, up);
#pragma unroll
    for (unsigned i = 0; i < Values; ++i) {
      const float biased_up = with.gated ? up[i] + bias_of(with.second, slab, column + i) : 0.0F;
      gate[i] = activate_value(with.activation, gate[i] + bias_of(with.first, slab, column + i), biased_up);
    }
    store_values<format, Values>(with.values, index, gate);
  });
}

template <FloatFormat format, int Values>
__global__ void __launch_bounds__(block_threads) finish_kernel(const RowsArguments with) {
  const std::byte* slab = with.experts.slabs[blockIdx.y];
  for_pieces<Values>(with, [&](std::size_t index, std::uint32_t column) {
    float values[packed_values];
    load_values<format, Values>(with.values, index, values);
#pragma unroll
    for (unsigned i = 0; i < Values; ++i) values[i] += bias_of(with.first, slab, column + i);
    store_values<FloatFormat::fp32, Values>(with.output, index, values);
  });
}

/// A format, and how many values at a time, as constants.
template <FloatFormat Format, int Values>
struct Access {
  static constexpr FloatFormat format = Format;
  static constexpr int values = Values;
};

template <class Use>
cudaError_t with_access(FloatFormat format, bool wide, Use use) {
  switch (format) {
    case FloatFormat::fp32:
      return wide ? use(Access<FloatFormat::fp32, packed_values>{}) : use(Access<FloatFormat::fp32, 1>{});
    case FloatFormat::fp16:
      return wide ? use(Access<FloatFormat::fp16, packed_values>{}) : use(Access<FloatFormat::fp16, 1>{});
    case FloatFormat::bf16:
      return wide ? use(Access<FloatFormat::bf16, packed_values>{}) : use(Access<FloatFormat::bf16, 1>{});
  }
  return cudaErrorInvalidValue;
}

template <class... Pointers>
bool are_wide(std::uint32_t columns, Pointers... pointers) {
  return columns % packed_values == 0 && ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...);
}

std::uint32_t most_rows(const ExpertBatch& experts) {
  return *std::max_element(experts.rows, experts.rows + experts.count);
}

LaunchShape shape_of(const RowsArguments& with, cudaStream_t stream) {
  const std::uint64_t pieces = std::uint64_t{most_rows(with.experts)} * with.pieces;
  const std::uint64_t blocks = std::min((pieces + block_threads - 1) / block_threads, blocks_of_expert_max);
  return {.grid = dim3(static_cast<unsigned>(blocks), with.experts.count),
          .block = dim3(block_threads),
          .shared_bytes = 0,
          .stream = stream};
}

bool is_empty(const ExpertBatch& experts) {
  return experts.count == 0 || most_rows(experts) == 0;
}

}  // namespace

cudaError_t gather_rows(const HiddenRows& hidden, const std::uint32_t* rows, std::uint32_t row_count,
                        std::uint32_t hidden_size, FloatFormat format, void* gathered,
                        cudaStream_t stream) noexcept {
  if (row_count == 0) return cudaSuccess;
  if (hidden.data == nullptr || rows == nullptr || gathered == nullptr || hidden_size == 0)
    return cudaErrorInvalidValue;
  const bool wide = are_wide(hidden_size, hidden.data, gathered);
  const std::uint32_t pieces = wide ? hidden_size / packed_values : hidden_size;
  const LaunchShape shape{.grid = dim3(row_count, (pieces + block_threads - 1) / block_threads),
                          .block = dim3(block_threads),
                          .stream = stream};
  return with_access(hidden.format, wide, [&](auto from) {
    return with_access(format, wide, [&](auto to) {
      if constexpr (decltype(from)::values != decltype(to)::values) {
        return cudaErrorInvalidValue;  // not reached: both follow `wide`
      } else {
        return launch(gather_kernel<decltype(from)::format, decltype(to)::format, decltype(to)::values>,
                      shape, hidden.data, rows, pieces, gathered);
      }
    });
  });
}

cudaError_t activate_rows(const SlabLayout& layout, ExpertActivation activation, const ExpertBatch& experts,
                          FloatFormat format, void* gate, const void* up, cudaStream_t stream) noexcept {
  if (experts.count > expert_batch_max) return cudaErrorInvalidValue;
  if (is_empty(experts)) return cudaSuccess;
  const bool gated = is_gated(activation);
  if (gate == nullptr || (gated && up == nullptr) || layout.shape.width == 0) return cudaErrorInvalidValue;
  const bool wide = are_wide(layout.shape.width, gate, up);
  const RowsArguments with{.experts = experts,
                           .first = biases_of(layout, layout.gate),
                           .second = biases_of(layout, layout.up),
                           .gated = gated,
                           .activation = activation,
                           .pieces = wide ? layout.shape.width / packed_values : layout.shape.width,
                           .values = gate,
                           .up = up,
                           .output = nullptr};
  return with_access(format, wide, [&](auto access) {
    return launch(activate_kernel<decltype(access)::format, decltype(access)::values>, shape_of(with, stream),
                  with);
  });
}

cudaError_t finish_rows(const SlabLayout& layout, const ExpertBatch& experts, FloatFormat format,
                        const void* product, float* output, cudaStream_t stream) noexcept {
  if (experts.count > expert_batch_max) return cudaErrorInvalidValue;
  if (is_empty(experts)) return cudaSuccess;
  if (product == nullptr || output == nullptr || layout.shape.hidden_size == 0) return cudaErrorInvalidValue;
  const bool wide = are_wide(layout.shape.hidden_size, product, output);
  const RowsArguments with{
      .experts = experts,
      .first = biases_of(layout, layout.down),
      .second = {},
      .gated = false,
      .activation = {},
      .pieces = wide ? layout.shape.hidden_size / packed_values : layout.shape.hidden_size,
      .values = const_cast<void*>(product),
      .up = nullptr,
      .output = output};
  return with_access(format, wide, [&](auto access) {
    return launch(finish_kernel<decltype(access)::format, decltype(access)::values>, shape_of(with, stream),
                  with);
  });
}

}  // namespace prophet::kernels::cuda
