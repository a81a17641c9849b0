#include "kernels/expert_layout.hpp"

#include <array>

namespace prophet::kernels {
namespace {

constexpr std::array<FormatInfo, expert_format_count> formats{{
    {"fp32", 32, 0, 0, 0},
    {"bf16", 16, 0, 0, 0},
    {"fp16", 16, 0, 0, 0},
    {"fp8_rows", 8, 4, 1, 0},
    {"fp8_blocks", 8, 4, 128, 128},
    {"int8", 8, 4, 1, 0},
    {"int4_32", 4, 2, 1, 32},
    {"int4_128", 4, 2, 1, 128},
    {"mxfp4", 4, 1, 1, 32},
}};

constexpr std::uint64_t up_to_multiple(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

std::uint64_t scales_bytes(ExpertFormat format, std::uint64_t rows, std::uint64_t columns) {
  const FormatInfo& info = format_info(format);
  if (info.scale_bytes == 0) return 0;
  return (rows + info.scale_rows - 1) / info.scale_rows * scales_in_row(format, columns) * info.scale_bytes;
}

/// Puts parts one behind the other.
class Packer {
 public:
  explicit Packer(ExpertFormat format) : format_(format) {}

  MatrixLayout matrix(std::uint32_t rows, std::uint32_t columns) {
    MatrixLayout matrix{.rows = rows, .columns = columns};
    matrix.values_offset_bytes = part(rows * value_row_bytes(format_, columns));
    matrix.scales_offset_bytes = part(scales_bytes(format_, rows, columns));
    return matrix;
  }
  std::uint64_t bias(std::uint64_t rows) { return part(rows * bias_bytes(format_)); }
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  std::uint64_t part(std::uint64_t bytes) {
    const std::uint64_t offset = size_bytes_;
    size_bytes_ = up_to_multiple(size_bytes_ + bytes, slab_part_alignment_bytes);
    return offset;
  }

  ExpertFormat format_;
  std::uint64_t size_bytes_ = 0;
};

bool is_dimension(std::uint64_t size) {
  return size != 0 && size <= expert_dimension_max;
}

/// Gate and up as the even and the odd rows of one matrix.
void pack_interleaved(const ExpertShape& shape, Packer& packer, SlabLayout& layout) {
  MatrixLayout both = packer.matrix(2 * shape.width, shape.hidden_size);
  both.rows = shape.width;
  both.row_step = 2;
  layout.gate = layout.up = both;
  layout.up.row_first = 1;
}

void pack_biases(const ExpertShape& shape, Packer& packer, SlabLayout& layout) {
  if (shape.interleaved) {
    layout.gate.bias_offset_bytes = layout.up.bias_offset_bytes = packer.bias(2 * std::uint64_t{shape.width});
  } else {
    layout.gate.bias_offset_bytes = packer.bias(shape.width);
    if (shape.gated) layout.up.bias_offset_bytes = packer.bias(shape.width);
  }
  layout.down.bias_offset_bytes = packer.bias(shape.hidden_size);
}

}  // namespace

const FormatInfo& format_info(ExpertFormat format) noexcept {
  return formats[static_cast<std::size_t>(format)];
}

std::uint64_t value_row_bytes(ExpertFormat format, std::uint64_t columns) noexcept {
  return (columns * format_info(format).value_bits + 7) / 8;
}

std::uint64_t scales_in_row(ExpertFormat format, std::uint64_t columns) noexcept {
  const FormatInfo& info = format_info(format);
  if (info.scale_bytes == 0) return 0;
  return info.scale_columns == 0 ? 1 : (columns + info.scale_columns - 1) / info.scale_columns;
}

std::uint64_t bias_bytes(ExpertFormat format) noexcept {
  return format == ExpertFormat::fp32 ? 4 : 2;
}

Status slab_layout(const ExpertShape& shape, SlabLayout& layout) noexcept {
  if (static_cast<int>(shape.format) >= expert_format_count) return Status::bad_shape;
  const std::uint32_t multiple = format_info(shape.format).column_multiple();
  if (!is_dimension(shape.hidden_size) || !is_dimension(shape.width) || shape.hidden_size % multiple != 0 ||
      shape.width % multiple != 0 || (shape.interleaved && !shape.gated)) {
    return Status::bad_shape;
  }
  Packer packer(shape.format);
  layout = SlabLayout{.shape = shape};
  if (shape.interleaved) {
    pack_interleaved(shape, packer, layout);
  } else {
    layout.gate = packer.matrix(shape.width, shape.hidden_size);
    if (shape.gated) layout.up = packer.matrix(shape.width, shape.hidden_size);
  }
  layout.down = packer.matrix(shape.hidden_size, shape.width);
  if (shape.has_bias) pack_biases(shape, packer, layout);
  layout.size_bytes = packer.size_bytes();
  return Status::ok;
}

Status packed_fp32_layout(std::uint64_t slab_bytes, std::uint32_t hidden_size, SlabLayout& layout) noexcept {
  if (!is_dimension(hidden_size)) return Status::bad_shape;
  const std::uint64_t width = slab_bytes / (3 * sizeof(float)) / hidden_size;
  if (!is_dimension(width)) return Status::bad_shape;
  const auto rows = static_cast<std::uint32_t>(width);
  const std::uint64_t matrix_bytes = width * hidden_size * sizeof(float);
  layout = SlabLayout{.shape = {.hidden_size = hidden_size, .width = rows}, .size_bytes = 3 * matrix_bytes};
  layout.gate = {.rows = rows, .columns = hidden_size};
  layout.up = {.values_offset_bytes = matrix_bytes, .rows = rows, .columns = hidden_size};
  layout.down = {.values_offset_bytes = 2 * matrix_bytes, .rows = hidden_size, .columns = rows};
  return Status::ok;
}

}  // namespace prophet::kernels
