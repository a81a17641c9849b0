#include "kernels/expert_ffn_formats.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/expert_formats.hpp"

namespace prophet::kernels {
namespace {

using Lanes = std::array<float, expert_sum_lanes>;

bool has_row_scale(const FormatInfo& info) {
  return info.scale_bytes != 0 && info.scale_columns == 0;
}

float sum_of_lanes(Lanes lanes) {
  for (std::uint32_t step = expert_sum_lanes / 2; step != 0; step /= 2) {
    for (std::uint32_t lane = 0; lane < step; ++lane) lanes[lane] += lanes[lane + step];
  }
  return lanes[0];
}

/// `sum` plus code * x over one chunk, columns ascending.
float add_chunk(const SlabLayout& layout, const MatrixLayout& matrix, const std::byte* slab,
                std::uint64_t row, std::uint64_t first, const float* x, float sum) {
  const std::uint64_t values = format_info(layout.shape.format).column_multiple();
  const std::uint64_t end = std::min<std::uint64_t>(first + values, matrix.columns);
  for (std::uint64_t column = first; column < end; ++column)
    sum = std::fma(decode_code(layout.shape.format, matrix, slab, row, column), x[column], sum);
  return sum;
}

Status check(const SlabLayout& layout, ExpertActivation activation, const std::byte* slab,
             const float* hidden, std::uint32_t tokens, std::span<const std::uint32_t> rows,
             const float* output, const float* inner) {
  if (layout.size_bytes == 0 || layout.shape.gated != is_gated(activation)) return Status::bad_shape;
  if (rows.empty()) return Status::ok;
  if (slab == nullptr || hidden == nullptr || output == nullptr || inner == nullptr)
    return Status::null_pointer;
  const bool inside = std::all_of(rows.begin(), rows.end(), [&](std::uint32_t row) { return row < tokens; });
  return inside ? Status::ok : Status::index_out_of_range;
}

}  // namespace

float expert_dot(const SlabLayout& layout, const MatrixLayout& matrix, const std::byte* slab,
                 std::uint64_t row, const float* x) noexcept {
  const ExpertFormat format = layout.shape.format;
  const FormatInfo& info = format_info(format);
  const std::uint64_t values = info.column_multiple();
  Lanes lanes{};
  for (std::uint64_t first = 0; first < matrix.columns; first += values) {
    float& lane = lanes[first / values % expert_sum_lanes];
    if (info.scale_columns == 0) {
      lane = add_chunk(layout, matrix, slab, row, first, x, lane);
    } else {
      const float chunk = add_chunk(layout, matrix, slab, row, first, x, 0.0F);
      lane = std::fma(decode_scale(format, matrix, slab, row, first), chunk, lane);
    }
  }
  const float scale = has_row_scale(info) ? decode_scale(format, matrix, slab, row, 0) : 1.0F;
  const float bias = layout.shape.has_bias ? decode_bias(format, matrix, slab, row) : 0.0F;
  return std::fma(sum_of_lanes(lanes), scale, bias);
}

Status expert_ffn_formats(const SlabLayout& layout, ExpertActivation activation, const std::byte* slab,
                          const float* hidden, std::uint32_t tokens, std::span<const std::uint32_t> rows,
                          float* output, float* inner) noexcept {
  const Status status = check(layout, activation, slab, hidden, tokens, rows, output, inner);
  if (status != Status::ok) return status;
  const std::size_t hidden_size = layout.shape.hidden_size;
  const std::size_t width = layout.shape.width;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float* x = hidden + rows[i] * hidden_size;
    float* y = inner + i * width;
    for (std::size_t w = 0; w < width; ++w) {
      const float gate = expert_dot(layout, layout.gate, slab, w, x);
      const float up = layout.shape.gated ? expert_dot(layout, layout.up, slab, w, x) : 0.0F;
      y[w] = activate(activation, gate, up);
    }
    for (std::size_t h = 0; h < hidden_size; ++h)
      output[i * hidden_size + h] = expert_dot(layout, layout.down, slab, h, y);
  }
  return Status::ok;
}

}  // namespace prophet::kernels
