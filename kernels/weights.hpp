#pragma once

#include <cstdint>

#include "kernels/kv_float.hpp"

namespace prophet::kernels {

/// A matrix of weights [rows, columns] as a checkpoint stores it, row by row. Owns nothing; the memory is on
/// the device where a device kernel reads it, and begins on format_bytes(format).
struct Weights {
  const void* data = nullptr;
  FloatFormat format = FloatFormat::fp32;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
};

/// What rows and columns of weights may be at most: every size that follows then fits 64 bits.
inline constexpr std::uint32_t weights_dimension_max = 1U << 24U;

/// True for a known format and dimensions from 1 to weights_dimension_max.
[[nodiscard]] constexpr bool has_shape(const Weights& weights) noexcept {
  return is_known(weights.format) && weights.rows != 0 && weights.rows <= weights_dimension_max &&
         weights.columns != 0 && weights.columns <= weights_dimension_max;
}

/// REQUIRES: has_shape(weights).
[[nodiscard]] constexpr std::uint64_t size_bytes(const Weights& weights) noexcept {
  return std::uint64_t{weights.rows} * weights.columns * format_bytes(weights.format);
}

}  // namespace prophet::kernels
