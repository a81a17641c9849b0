#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/expert_ffn_formats.hpp"
#include "kernels/expert_formats.hpp"
#include "kernels/linear.hpp"

/// The products of kernels/expert_ffn_formats.hpp and kernels/linear.hpp once more, value by value in the
/// order that their headers state: what the fast forms must not differ from in any bit.
namespace prophet::testing {

using PlainLanes = std::array<float, kernels::expert_sum_lanes>;

inline float sum_plainly(PlainLanes lanes) {
  for (std::size_t step = kernels::expert_sum_lanes / 2; step != 0; step /= 2) {
    for (std::size_t lane = 0; lane < step; ++lane) lanes[lane] += lanes[lane + step];
  }
  return lanes[0];
}

inline float expert_dot_plainly(const kernels::SlabLayout& layout, const kernels::MatrixLayout& matrix,
                                const std::byte* slab, std::uint64_t row, const float* x) {
  const kernels::ExpertFormat format = layout.shape.format;
  const kernels::FormatInfo& info = kernels::format_info(format);
  const std::uint64_t values = info.column_multiple();
  PlainLanes lanes{};
  for (std::uint64_t first = 0; first < matrix.columns; first += values) {
    float& lane = lanes[first / values % kernels::expert_sum_lanes];
    float sum = info.scale_columns == 0 ? lane : 0.0F;
    for (std::uint64_t column = first; column < first + values && column < matrix.columns; ++column)
      sum = std::fma(kernels::decode_code(format, matrix, slab, row, column), x[column], sum);
    const float scale =
        info.scale_columns == 0 ? 1.0F : kernels::decode_scale(format, matrix, slab, row, first);
    lane = info.scale_columns == 0 ? sum : std::fma(scale, sum, lane);
  }
  const bool row_scale = info.scale_bytes != 0 && info.scale_columns == 0;
  const float scale = row_scale ? kernels::decode_scale(format, matrix, slab, row, 0) : 1.0F;
  const float bias = layout.shape.has_bias ? kernels::decode_bias(format, matrix, slab, row) : 0.0F;
  return std::fma(sum_plainly(lanes), scale, bias);
}

inline float dot_plainly(const kernels::Weights& weights, std::size_t row, const float* x) {
  const std::size_t values = 16 / kernels::format_bytes(weights.format);
  PlainLanes lanes{};
  for (std::size_t column = 0; column < weights.columns; ++column) {
    float& lane = lanes[column / values % kernels::expert_sum_lanes];
    const float weight = kernels::load_as_float(weights.data, row * weights.columns + column, weights.format);
    lane = std::fma(weight, x[column], lane);
  }
  return sum_plainly(lanes);
}

}  // namespace prophet::testing
