#pragma once

#include <cstdint>

#include "kernels/status.hpp"
#include "kernels/weights.hpp"

namespace prophet::kernels {

/// Lanes over which a row's sum of squares is spread.
inline constexpr std::uint32_t norm_sum_lanes = 32;

/// Root-mean-square norm with a weight (Zhang, Sennrich 2019), of rows of a hidden state or of heads:
///
///   output[r, i] = weight[i] * (input[r, i] * scale[r]),  scale[r] = 1 / sqrt(mean of input[r]^2 + epsilon)
///
/// In this order, so that every device has the same bits and a row's result depends on the row alone:
///
///   1. Lane l of 32 adds the squares of values l, l + 32, ... ascending, in fp64, where a square is exact.
///   2. Lanes are added pairwise: those 16 apart, then 8, 4, 2 and 1.
///   3. scale = float(1 / sqrt(sum / columns + epsilon)), in fp64 until the last rounding.
///   4. The two products are rounded to fp32 one after the other.
struct RmsNorm {
  const float* input = nullptr;  ///< [rows, columns]
  float* output = nullptr;       ///< [rows, columns]: `input` itself, or overlaps nothing that is read
  const void* weight = nullptr;  ///< [columns] in `format`
  FloatFormat format = FloatFormat::fp32;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;  ///< at most weights_dimension_max
  float epsilon = 0;          ///< from 0 to 1
};

[[nodiscard]] constexpr bool has_shape(const RmsNorm& call) noexcept {
  return has_shape(Weights{.format = call.format, .rows = 1, .columns = call.columns}) && call.epsilon >= 0 &&
         call.epsilon <= 1;
}

/// The reference. Nothing is allocated. bad_shape for what has_shape() denies, null_pointer for any that is
/// null unless there are no rows.
[[nodiscard]] Status rms_norm(const RmsNorm& call) noexcept;

}  // namespace prophet::kernels
