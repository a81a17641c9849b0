#include "kernels/row_products.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/expert_ffn_formats.hpp"
#include "kernels/expert_formats.hpp"

namespace prophet::kernels {
namespace {

/// A matrix of one row that begins at `codes`, with `scales` as far from it as they lie in memory.
struct OneRow {
  const CodeRows& rows;
  std::size_t row;

  [[nodiscard]] float code(std::uint64_t column) const {
    return decode_code(rows.format, {.rows = 1, .columns = static_cast<std::uint32_t>(rows.columns)},
                       rows.codes[row], 0, column);
  }
  [[nodiscard]] float scale(std::uint64_t column) const {
    return decode_scale(rows.format, {.rows = 1, .columns = static_cast<std::uint32_t>(rows.columns)},
                        rows.scales[row], 0, column);
  }
};

float lanes_total(const OneRow& row, const float* x) {
  const FormatInfo& info = format_info(row.rows.format);
  const std::uint64_t values = info.column_multiple();
  const std::uint64_t columns = row.rows.columns;
  float lanes[expert_sum_lanes] = {};
  for (std::uint64_t first = 0; first < columns; first += values) {
    float& lane = lanes[first / values % expert_sum_lanes];
    float sum = info.scale_columns == 0 ? lane : 0.0F;
    for (std::uint64_t column = first; column < std::min(first + values, columns); ++column)
      sum = std::fma(row.code(column), x[column], sum);
    lane = info.scale_columns == 0 ? sum : std::fma(row.scale(first), sum, lane);
  }
  for (std::uint32_t step = expert_sum_lanes / 2; step != 0; step /= 2) {
    for (std::uint32_t lane = 0; lane < step; ++lane) lanes[lane] += lanes[lane + step];
  }
  return lanes[0];
}

}  // namespace

void row_products_plainly(const CodeRows& rows, std::span<const float* const> x, ProductSums& sums) noexcept {
  for (std::size_t t = 0; t < x.size(); ++t) {
    for (std::size_t r = 0; r < product_rows; ++r) {
      const bool repeats = r != 0 && rows.codes[r] == rows.codes[r - 1];
      sums.of[t][r] = repeats ? sums.of[t][r - 1] : lanes_total({rows, r}, x[t]);
    }
  }
}

void row_products(const CodeRows& rows, std::span<const float* const> x, ProductSums& sums) noexcept {
  static const auto chosen = has_row_products_by_eights() ? row_products_by_eights : row_products_plainly;
  chosen(rows, x, sums);
}

}  // namespace prophet::kernels
