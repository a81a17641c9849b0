#include "kernels/expert_ffn_formats.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/expert_formats.hpp"
#include "kernels/row_products.hpp"

namespace prophet::kernels {
namespace {

bool has_row_scale(const FormatInfo& info) {
  return info.scale_bytes != 0 && info.scale_columns == 0;
}

/// The rows of a projection from `first` on; the last is repeated where it has fewer.
CodeRows code_rows(const SlabLayout& layout, const MatrixLayout& matrix, const std::byte* slab,
                   std::uint64_t first) {
  const ExpertFormat format = layout.shape.format;
  const FormatInfo& info = format_info(format);
  const std::uint64_t row_bytes = value_row_bytes(format, matrix.columns);
  const std::uint64_t scale_row_bytes = scales_in_row(format, matrix.columns) * info.scale_bytes;
  CodeRows rows{.format = format, .columns = matrix.columns};
  for (std::size_t r = 0; r < product_rows; ++r) {
    const std::uint64_t row = matrix.stored_row(std::min<std::uint64_t>(first + r, matrix.rows - 1));
    rows.codes[r] = slab + matrix.values_offset_bytes + row * row_bytes;
    if (info.scale_columns == 0) continue;
    rows.scales[r] = slab + matrix.scales_offset_bytes + row / info.scale_rows * scale_row_bytes;
  }
  return rows;
}

/// Scale and bias of some rows of a projection, applied to the sums of its products.
struct RowEnds {
  RowEnds(const SlabLayout& layout, const MatrixLayout& matrix, const std::byte* slab, std::uint64_t first) {
    const ExpertFormat format = layout.shape.format;
    const bool scaled = has_row_scale(format_info(format));
    for (std::size_t r = 0; r < product_rows && first + r < matrix.rows; ++r) {
      scale[r] = scaled ? decode_scale(format, matrix, slab, first + r, 0) : 1.0F;
      bias[r] = layout.shape.has_bias ? decode_bias(format, matrix, slab, first + r) : 0.0F;
    }
  }
  [[nodiscard]] float end(float sum, std::size_t row) const { return std::fma(sum, scale[row], bias[row]); }

  std::array<float, product_rows> scale{};
  std::array<float, product_rows> bias{};
};

/// Calls visit(first, x) for product_tokens of `count` tokens at a time, whose vectors at(i) gives.
template <class At, class Visit>
void for_some_tokens(std::size_t count, At at, Visit visit) {
  std::array<const float*, product_tokens> x{};
  for (std::size_t first = 0; first < count; first += product_tokens) {
    const std::size_t some = std::min(product_tokens, count - first);
    for (std::size_t i = 0; i < some; ++i) x[i] = at(first + i);
    visit(first, std::span<const float* const>(x.data(), some));
  }
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
  MatrixLayout one = matrix;
  one.row_first = static_cast<std::uint32_t>(matrix.stored_row(row));
  one.rows = 1;
  ProductSums sums;
  row_products(code_rows(layout, one, slab, 0), {&x, 1}, sums);
  return RowEnds(layout, one, slab, 0).end(sums.of[0][0], 0);
}

namespace {

/// Values [begin, end) of inner[i] of all tokens, for product_rows of them at a time.
void into_inner(const SlabLayout& layout, ExpertActivation activation, const std::byte* slab,
                const float* hidden, std::span<const std::uint32_t> rows, float* inner, std::size_t begin,
                std::size_t end) {
  const std::size_t hidden_size = layout.shape.hidden_size;
  const std::size_t width = layout.shape.width;
  for (std::size_t w = begin; w < end; w += product_rows) {
    const std::size_t some = std::min(product_rows, end - w);
    const CodeRows gate = code_rows(layout, layout.gate, slab, w);
    const RowEnds gate_ends(layout, layout.gate, slab, w);
    const MatrixLayout& second = layout.shape.gated ? layout.up : layout.gate;
    const CodeRows up = code_rows(layout, second, slab, w);
    const RowEnds up_ends(layout, second, slab, w);
    const auto x_of = [&](std::size_t i) { return hidden + rows[i] * hidden_size; };
    for_some_tokens(rows.size(), x_of, [&](std::size_t first, std::span<const float* const> x) {
      ProductSums gates;
      ProductSums ups{};
      row_products(gate, x, gates);
      if (layout.shape.gated) row_products(up, x, ups);
      for (std::size_t t = 0; t < x.size(); ++t) {
        for (std::size_t r = 0; r < some; ++r) {
          inner[(first + t) * width + w + r] =
              activate(activation, gate_ends.end(gates.of[t][r], r), up_ends.end(ups.of[t][r], r));
        }
      }
    });
  }
}

/// Values [begin, end) of the output of all tokens.
void out_of_inner(const SlabLayout& layout, const std::byte* slab, const float* inner, std::size_t tokens,
                  float* output, std::size_t begin, std::size_t end) {
  const std::size_t hidden_size = layout.shape.hidden_size;
  const std::size_t width = layout.shape.width;
  for (std::size_t h = begin; h < end; h += product_rows) {
    const std::size_t some = std::min(product_rows, end - h);
    const CodeRows down = code_rows(layout, layout.down, slab, h);
    const RowEnds ends(layout, layout.down, slab, h);
    const auto x_of = [&](std::size_t i) { return inner + i * width; };
    for_some_tokens(tokens, x_of, [&](std::size_t first, std::span<const float* const> x) {
      ProductSums sums;
      row_products(down, x, sums);
      for (std::size_t t = 0; t < x.size(); ++t) {
        for (std::size_t r = 0; r < some; ++r)
          output[(first + t) * hidden_size + h + r] = ends.end(sums.of[t][r], r);
      }
    });
  }
}

}  // namespace

Status expert_ffn_formats(const SlabLayout& layout, ExpertActivation activation, const std::byte* slab,
                          const float* hidden, std::uint32_t tokens, std::span<const std::uint32_t> rows,
                          float* output, float* inner, PartRunner& runner) noexcept {
  const Status status = check(layout, activation, slab, hidden, tokens, rows, output, inner);
  if (status != Status::ok) return status;
  if (rows.empty()) return Status::ok;
  const ExpertShape& shape = layout.shape;
  const std::uint64_t in_bytes = value_row_bytes(shape.format, shape.hidden_size) * (shape.gated ? 2 : 1);
  const RowParts inner_parts(shape.width, in_bytes);
  const auto compute_inner = [&](std::size_t part) {
    into_inner(layout, activation, slab, hidden, rows, inner, inner_parts.first(part), inner_parts.end(part));
  };
  runner.run(inner_parts.count(), Part(compute_inner));
  const RowParts outer_parts(shape.hidden_size, value_row_bytes(shape.format, shape.width));
  const auto compute_outer = [&](std::size_t part) {
    out_of_inner(layout, slab, inner, rows.size(), output, outer_parts.first(part), outer_parts.end(part));
  };
  runner.run(outer_parts.count(), Part(compute_outer));
  return Status::ok;
}

}  // namespace prophet::kernels
