#include "kernels/expert_formats.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace prophet::kernels {
namespace {

constexpr float quiet_nan = std::numeric_limits<float>::quiet_NaN();

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

std::uint8_t nibble(const std::byte* row, std::uint64_t column) {
  const auto pair = std::to_integer<std::uint8_t>(row[column / 2]);
  return static_cast<std::uint8_t>(column % 2 == 0 ? pair & 15U : pair >> 4U);
}

/// A sign, `exponent_bits` and `mantissa_bits` with a bias, and subnormal numbers; neither infinity nor NaN.
float small_float(std::uint32_t bits, int exponent_bits, int mantissa_bits, int bias) {
  const auto mantissa = static_cast<int>(bits & ((1U << mantissa_bits) - 1U));
  const auto exponent = static_cast<int>((bits >> mantissa_bits) & ((1U << exponent_bits) - 1U));
  const bool negative = ((bits >> (mantissa_bits + exponent_bits)) & 1U) != 0;
  const int hidden_one = exponent == 0 ? 0 : 1 << mantissa_bits;
  const int power = (exponent == 0 ? 1 : exponent) - bias - mantissa_bits;
  const float magnitude = std::ldexp(static_cast<float>(hidden_one + mantissa), power);
  return negative ? -magnitude : magnitude;
}

}  // namespace

float decode_bf16(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(std::uint32_t{bits} << 16U);
}

float decode_fp16(std::uint16_t bits) noexcept {
  const bool special = (bits & 0x7C00U) == 0x7C00U;
  if (!special) return small_float(bits, 5, 10, 15);
  if ((bits & 0x03FFU) != 0) return quiet_nan;
  return (bits & 0x8000U) != 0 ? -std::numeric_limits<float>::infinity()
                               : std::numeric_limits<float>::infinity();
}

float decode_e4m3(std::uint8_t bits) noexcept {
  return (bits & 0x7FU) == 0x7FU ? quiet_nan : small_float(bits, 4, 3, 7);
}

float decode_e2m1(std::uint8_t bits) noexcept {
  return small_float(bits & 15U, 2, 1, 1);
}

float decode_e8m0(std::uint8_t bits) noexcept {
  return bits == 255 ? quiet_nan : std::ldexp(1.0F, bits - 127);
}

float decode_code(ExpertFormat format, const MatrixLayout& matrix, const std::byte* slab, std::uint64_t row,
                  std::uint64_t column) noexcept {
  const std::byte* values =
      slab + matrix.values_offset_bytes + matrix.stored_row(row) * value_row_bytes(format, matrix.columns);
  switch (format) {
    case ExpertFormat::fp32:
      return load<float>(values + 4 * column);
    case ExpertFormat::bf16:
      return decode_bf16(load<std::uint16_t>(values + 2 * column));
    case ExpertFormat::fp16:
      return decode_fp16(load<std::uint16_t>(values + 2 * column));
    case ExpertFormat::fp8_rows:
    case ExpertFormat::fp8_blocks:
      return decode_e4m3(load<std::uint8_t>(values + column));
    case ExpertFormat::int8:
      return static_cast<float>(load<std::int8_t>(values + column));
    case ExpertFormat::int4_32:
    case ExpertFormat::int4_128:
      return static_cast<float>(static_cast<int>(nibble(values, column)) - 8);
    case ExpertFormat::mxfp4:
      return decode_e2m1(nibble(values, column));
  }
  return quiet_nan;
}

float decode_scale(ExpertFormat format, const MatrixLayout& matrix, const std::byte* slab, std::uint64_t row,
                   std::uint64_t column) noexcept {
  const FormatInfo& info = format_info(format);
  if (info.scale_bytes == 0) return 1.0F;
  const std::uint64_t scale_row = matrix.stored_row(row) / info.scale_rows;
  const std::uint64_t scale_column = info.scale_columns == 0 ? 0 : column / info.scale_columns;
  const std::uint64_t index = scale_row * scales_in_row(format, matrix.columns) + scale_column;
  const std::byte* scale = slab + matrix.scales_offset_bytes + index * info.scale_bytes;
  if (info.scale_bytes == 4) return load<float>(scale);
  if (info.scale_bytes == 2) return decode_fp16(load<std::uint16_t>(scale));
  return decode_e8m0(load<std::uint8_t>(scale));
}

float decode_value(ExpertFormat format, const MatrixLayout& matrix, const std::byte* slab, std::uint64_t row,
                   std::uint64_t column) noexcept {
  return decode_code(format, matrix, slab, row, column) * decode_scale(format, matrix, slab, row, column);
}

float decode_bias(ExpertFormat format, const MatrixLayout& matrix, const std::byte* slab,
                  std::uint64_t row) noexcept {
  const std::byte* bias = slab + matrix.bias_offset_bytes + matrix.stored_row(row) * bias_bytes(format);
  if (format == ExpertFormat::fp32) return load<float>(bias);
  const auto bits = load<std::uint16_t>(bias);
  return format == ExpertFormat::fp16 ? decode_fp16(bits) : decode_bf16(bits);
}

}  // namespace prophet::kernels
