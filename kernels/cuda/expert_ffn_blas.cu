#include "kernels/cuda/expert_ffn_blas.hpp"

#include <algorithm>
#include <limits>

#include "kernels/cuda/dequantise.hpp"
#include "kernels/cuda/expert_products.hpp"
#include "kernels/cuda/expert_rows.hpp"

namespace prophet::kernels::cuda {
namespace {

constexpr std::size_t part_alignment_bytes = 256;
constexpr std::uint32_t blas_dimension_max = std::numeric_limits<std::int32_t>::max();

/// The type in which an expert's products are computed.
FloatFormat product_format(ExpertFormat format) {
  if (format == ExpertFormat::fp32) return FloatFormat::fp32;
  return format == ExpertFormat::fp16 ? FloatFormat::fp16 : FloatFormat::bf16;
}

bool is_written_out(ExpertFormat format) {
  return format_info(format).value_bits < 16;
}

constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + part_alignment_bytes - 1) / part_alignment_bytes * part_alignment_bytes;
}

/// Where the parts of a workspace lie, in bytes from its beginning.
struct Parts {
  std::size_t gate = 0;
  std::size_t up = 0;
  std::size_t pointers = 0;
  std::size_t weights = 0;
  std::size_t weights_stride = 0;  ///< of one expert; 0 where nothing is written out
};

Parts parts_of(const SlabLayout& layout, std::size_t rows) {
  const std::size_t bytes = format_bytes(product_format(layout.shape.format));
  const std::size_t inner = aligned(rows * layout.shape.width * bytes);
  const std::size_t values = std::size_t{layout.shape.width} * layout.shape.hidden_size;
  Parts parts;
  parts.gate = aligned(rows * layout.shape.hidden_size * bytes);
  parts.up = parts.gate + inner;
  parts.pointers = parts.up + (layout.shape.gated ? inner : 0);
  parts.weights = parts.pointers + aligned(product_pointers_bytes);
  if (is_written_out(layout.shape.format))
    parts.weights_stride = aligned((layout.shape.gated ? 3 : 2) * values * 2);
  return parts;
}

/// A call's arguments, and what follows from them.
struct Call {
  cublasHandle_t handle;
  const SlabLayout& layout;
  ExpertActivation activation;
  std::byte* memory;
  Parts parts;
  FloatFormat format;
  float* output;
  cudaStream_t stream;
};

/// Offsets of gate, up and down in an expert's weights: as they lie in its slab, or written out one behind
/// the other.
struct MatrixOffsets {
  std::uint64_t gate;
  std::uint64_t up;
  std::uint64_t down;
};

MatrixOffsets offsets_of(const Call& call) {
  const SlabLayout& layout = call.layout;
  const std::uint64_t row_bytes = layout.shape.hidden_size * format_bytes(call.format);
  const std::uint64_t matrix_bytes = layout.shape.width * row_bytes;
  const bool apart = call.parts.weights_stride != 0;
  MatrixOffsets offsets{};
  offsets.gate = apart ? 0 : layout.gate.values_offset_bytes;
  offsets.up = apart && !layout.shape.interleaved ? matrix_bytes : offsets.gate;
  if (!apart) offsets.up = layout.up.values_offset_bytes;
  if (layout.shape.interleaved) offsets.up += row_bytes;
  offsets.down = apart ? (layout.shape.gated ? 2 : 1) * matrix_bytes : layout.down.values_offset_bytes;
  return offsets;
}

cudaError_t write_out(const Call& call, const ExpertBatch& batch) {
  const SlabLayout& layout = call.layout;
  const MatrixOffsets offsets = offsets_of(call);
  const auto write = [&](const MatrixLayout& matrix, std::uint64_t offset_bytes) {
    return dequantise(layout.shape.format, matrix, batch, call.memory + call.parts.weights + offset_bytes,
                      call.parts.weights_stride / 2, call.stream);
  };
  cudaError_t status = write(layout.gate, offsets.gate);
  if (status == cudaSuccess && layout.shape.gated && !layout.shape.interleaved)
    status = write(layout.up, offsets.up);
  return status == cudaSuccess ? write(layout.down, offsets.down) : status;
}

ExpertProducts products_of(const Call& call) {
  ExpertProducts products{.format = call.format};
  if (call.parts.weights_stride != 0) {
    products.weights = call.memory + call.parts.weights;
    products.weights_stride_bytes = call.parts.weights_stride;
  }
  return products;
}

cudaError_t multiply_into(const Call& call, const ExpertBatch& batch) {
  const MatrixOffsets offsets = offsets_of(call);
  ExpertProducts products = products_of(call);
  products.outputs = call.layout.shape.width;
  products.inputs = call.layout.shape.hidden_size;
  products.row_step = call.layout.gate.row_step;
  products.matrices = call.layout.shape.gated ? 2 : 1;
  products.offsets_bytes[0] = offsets.gate;
  products.offsets_bytes[1] = offsets.up;
  products.source = call.memory;
  products.targets[0] = call.memory + call.parts.gate;
  products.targets[1] = call.memory + call.parts.up;
  return multiply_experts(call.handle, batch, products, call.memory + call.parts.pointers, call.stream);
}

/// The gathered rows have been read: what comes out takes their place.
cudaError_t multiply_out(const Call& call, const ExpertBatch& batch) {
  ExpertProducts products = products_of(call);
  products.outputs = call.layout.shape.hidden_size;
  products.inputs = call.layout.shape.width;
  products.offsets_bytes[0] = offsets_of(call).down;
  products.source = call.memory + call.parts.gate;
  products.targets[0] = call.memory;
  return multiply_experts(call.handle, batch, products, call.memory + call.parts.pointers, call.stream);
}

cudaError_t compute_batch(const Call& call, const ExpertBatch& batch) {
  cudaError_t status = cudaSuccess;
  if (call.parts.weights_stride != 0) status = write_out(call, batch);
  if (status == cudaSuccess) status = multiply_into(call, batch);
  if (status == cudaSuccess) {
    const std::byte* up = call.layout.shape.gated ? call.memory + call.parts.up : nullptr;
    status = activate_rows(call.layout, call.activation, batch, call.format, call.memory + call.parts.gate,
                           up, call.stream);
  }
  if (status == cudaSuccess) status = multiply_out(call, batch);
  if (status == cudaSuccess)
    status = finish_rows(call.layout, batch, call.format, call.memory, call.output, call.stream);
  return status;
}

/// Every expert that has rows, `at_once` in a batch.
cudaError_t compute_all(const Call& call, std::span<const ExpertRows> experts, std::size_t at_once) {
  ExpertBatch batch;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    if (experts[e].rows != 0) {
      batch.slabs[batch.count] = static_cast<const std::byte*>(experts[e].slab);
      batch.first_row[batch.count] = experts[e].first_row;
      batch.rows[batch.count++] = experts[e].rows;
    }
    const bool is_full = batch.count == at_once || e + 1 == experts.size();
    if (!is_full || batch.count == 0) continue;
    if (const cudaError_t status = compute_batch(call, batch); status != cudaSuccess) return status;
    batch.count = 0;
  }
  return cudaSuccess;
}

/// How many experts the workspace holds at once; 0: not even one.
std::size_t experts_at_once(const Parts& parts, const DeviceWorkspace& workspace) {
  if (workspace.size_bytes < parts.weights) return 0;
  if (parts.weights_stride == 0) return expert_batch_max;
  return std::min<std::size_t>(expert_batch_max,
                               (workspace.size_bytes - parts.weights) / parts.weights_stride);
}

bool is_computable(const SlabLayout& layout, ExpertActivation activation) {
  if (layout.size_bytes == 0 || static_cast<int>(layout.shape.format) >= expert_format_count ||
      static_cast<int>(activation) >= expert_activation_count || layout.shape.gated != is_gated(activation)) {
    return false;
  }
  const std::uint32_t multiple = format_info(layout.shape.format).column_multiple();
  const bool wide = layout.shape.hidden_size % multiple == 0 && layout.shape.width % multiple == 0;
  return (wide || layout.shape.format == ExpertFormat::fp32) &&
         layout.shape.hidden_size <= blas_dimension_max / 2 && layout.shape.width <= blas_dimension_max;
}

bool are_placed(const SlabLayout& layout, std::span<const ExpertRows> experts, std::uint32_t row_count) {
  const std::uintptr_t boundary = layout.shape.format == ExpertFormat::fp32 ? sizeof(float) : 16;
  return std::all_of(experts.begin(), experts.end(), [&](const ExpertRows& expert) {
    const bool inside = expert.first_row <= row_count && expert.rows <= row_count - expert.first_row;
    return inside && (expert.rows == 0 || (expert.slab != nullptr &&
                                           reinterpret_cast<std::uintptr_t>(expert.slab) % boundary == 0));
  });
}

/// Setting a stream costs the handle its workspace: only if it is another one.
cudaError_t use_stream(cublasHandle_t handle, cudaStream_t stream) {
  cudaStream_t current = nullptr;
  cublasStatus_t status = cublasGetStream(handle, &current);
  if (status == CUBLAS_STATUS_SUCCESS && current != stream) status = cublasSetStream(handle, stream);
  return cuda_error_of(status);
}

}  // namespace

std::size_t expert_ffn_blas_workspace_bytes(const SlabLayout& layout, std::size_t rows,
                                            std::size_t experts_at_once) noexcept {
  const Parts parts = parts_of(layout, rows);
  const std::size_t counted = std::clamp<std::size_t>(experts_at_once, 1, expert_batch_max);
  return parts.weights + counted * parts.weights_stride;
}

cudaError_t expert_ffn_blas(cublasHandle_t handle, const SlabLayout& layout, ExpertActivation activation,
                            std::span<const ExpertRows> experts, const HiddenRows& hidden,
                            const std::uint32_t* rows, std::uint32_t row_count, float* output,
                            const DeviceWorkspace& workspace, cudaStream_t stream) noexcept {
  if (!is_computable(layout, activation) || row_count > blas_dimension_max ||
      !are_placed(layout, experts, row_count))
    return cudaErrorInvalidValue;
  if (experts.empty() || row_count == 0) return cudaSuccess;
  const Parts parts = parts_of(layout, row_count);
  const std::size_t at_once = experts_at_once(parts, workspace);
  if (handle == nullptr || output == nullptr || workspace.data == nullptr || at_once == 0 ||
      reinterpret_cast<std::uintptr_t>(workspace.data) % part_alignment_bytes != 0) {
    return cudaErrorInvalidValue;
  }
  const Call call{.handle = handle,
                  .layout = layout,
                  .activation = activation,
                  .memory = static_cast<std::byte*>(workspace.data),
                  .parts = parts,
                  .format = product_format(layout.shape.format),
                  .output = output,
                  .stream = stream};
  cudaError_t status = use_stream(handle, stream);
  if (status == cudaSuccess)
    status =
        gather_rows(hidden, rows, row_count, layout.shape.hidden_size, call.format, workspace.data, stream);
  return status == cudaSuccess ? compute_all(call, experts, at_once) : status;
}

}  // namespace prophet::kernels::cuda
