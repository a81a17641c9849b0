#include <fmt/format.h>

#include "runtime/device/model_op_checks.hpp"
#include "runtime/device/view_checks.hpp"

namespace prophet {
namespace {

using kernels::ExpertActivation;
using kernels::MatrixLayout;
using kernels::SlabLayout;

/// Whether `bytes` from `offset` on are inside `size`.
bool lies_inside(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size) {
  return offset <= size && bytes <= size - offset;
}

/// Whether all that a projection reads lies in the layout's bytes. REQUIRES: a known format and dimensions of
/// at most expert_dimension_max, so that no product below leaves 64 bits.
bool lies_inside(const SlabLayout& layout, const MatrixLayout& matrix, std::uint64_t rows,
                 std::uint64_t columns) {
  if (matrix.rows != rows || matrix.columns != columns || matrix.row_first > 1) return false;
  if (matrix.row_step == 0 || matrix.row_step > 2) return false;
  const kernels::ExpertFormat format = layout.shape.format;
  const kernels::FormatInfo& info = kernels::format_info(format);
  const std::uint64_t stored_rows = matrix.stored_row(rows - 1) + 1;
  const std::uint64_t scale_rows =
      info.scale_bytes == 0 ? 0 : (stored_rows + info.scale_rows - 1) / info.scale_rows;
  const std::uint64_t scales_bytes = scale_rows * kernels::scales_in_row(format, columns) * info.scale_bytes;
  const std::uint64_t biases_bytes = layout.shape.has_bias ? stored_rows * kernels::bias_bytes(format) : 0;
  return lies_inside(matrix.values_offset_bytes, stored_rows * kernels::value_row_bytes(format, columns),
                     layout.size_bytes) &&
         lies_inside(matrix.scales_offset_bytes, scales_bytes, layout.size_bytes) &&
         lies_inside(matrix.bias_offset_bytes, biases_bytes, layout.size_bytes);
}

bool is_dimension(std::uint64_t value) {
  return value != 0 && value <= kernels::expert_dimension_max;
}

bool is_sound(const SlabLayout& layout) {
  const kernels::ExpertShape& shape = layout.shape;
  if (static_cast<int>(shape.format) >= kernels::expert_format_count) return false;
  if (!is_dimension(shape.hidden_size) || !is_dimension(shape.width)) return false;
  if (!lies_inside(layout, layout.gate, shape.width, shape.hidden_size)) return false;
  if (shape.gated && !lies_inside(layout, layout.up, shape.width, shape.hidden_size)) return false;
  return lies_inside(layout, layout.down, shape.hidden_size, shape.width);
}

}  // namespace

void check_expert_layout(const ExpertOp& op) {
  if (op.layout == nullptr) {
    if (op.activation == ExpertActivation::swiglu) return;
    refuse_operation(op.name, fmt::format("activation {} without a layout, expected swiglu or a layout",
                                          kernels::activation_name(op.activation)));
  }
  const SlabLayout& layout = *op.layout;
  if (!is_sound(layout)) {
    refuse_operation(op.name, "the layout's parts are not inside its bytes, expected one of slab_layout()");
  }
  if (!kernels::is_known(op.activation) || layout.shape.gated != kernels::is_gated(op.activation)) {
    refuse_operation(op.name, fmt::format("activation {} on a layout with {} into the inner layer",
                                          kernels::activation_name(op.activation),
                                          layout.shape.gated ? "two projections" : "one projection"));
  }
  if (layout.shape.hidden_size != op.hidden_size) {
    refuse_operation(op.name, fmt::format("hidden_size is {}, expected the layout's {}", op.hidden_size,
                                          layout.shape.hidden_size));
  }
  if (op.slab.size_bytes < layout.size_bytes) {
    refuse_operation(op.name, fmt::format("the slab has {} bytes, expected the layout's {}",
                                          op.slab.size_bytes, layout.size_bytes));
  }
  if (op.slab.offset_bytes % kernels::slab_part_alignment_bytes != 0) {
    refuse_operation(op.name,
                     fmt::format("a slab with a layout begins at offset {}, expected a multiple of {}",
                                 op.slab.offset_bytes, kernels::slab_part_alignment_bytes));
  }
}

}  // namespace prophet
