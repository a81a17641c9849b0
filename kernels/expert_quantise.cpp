#include "kernels/expert_quantise.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "kernels/expert_formats.hpp"

namespace prophet::kernels {
namespace {

constexpr float e4m3_max = 448.0F;
constexpr float int8_max = 127.0F;
constexpr float int4_max = 7.0F;
constexpr float e2m1_largest_power = 4.0F;

/// The magnitudes of codes 0, 1, 2, ..., ascending.
template <std::size_t Count>
std::array<float, Count> magnitudes(float (*decode)(std::uint8_t)) {
  std::array<float, Count> values{};
  for (std::size_t code = 0; code < Count; ++code) values[code] = decode(static_cast<std::uint8_t>(code));
  return values;
}

template <std::size_t Count>
std::uint8_t nearest_code(const std::array<float, Count>& values, float magnitude) {
  const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
  if (above == values.end()) return Count - 1;
  const auto code = static_cast<std::uint8_t>(above - values.begin());
  if (code == 0) return 0;
  const float to_upper = values[code] - magnitude;
  const float to_lower = magnitude - values[code - 1U];
  const bool down = to_lower < to_upper || (to_lower == to_upper && code % 2 == 1);
  return static_cast<std::uint8_t>(code - (down ? 1 : 0));
}

std::uint8_t with_sign(std::uint8_t code, float value, unsigned sign_bit) {
  return static_cast<std::uint8_t>(code | (std::signbit(value) ? sign_bit : 0U));
}

template <class T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

std::uint8_t integer_code(float value, float limit) {
  const float rounded = std::nearbyint(value);
  return static_cast<std::uint8_t>(static_cast<std::int8_t>(std::clamp(rounded, -limit, limit)));
}

/// What one scale covers, in rows and columns of the stored matrix.
struct Block {
  std::uint64_t row_first, row_end, column_first, column_end;
};

/// The first row of the projection at or behind a stored row.
std::uint64_t row_from(const MatrixLayout& matrix, std::uint64_t stored_row) {
  if (stored_row <= matrix.row_first) return 0;
  return (stored_row - matrix.row_first + matrix.row_step - 1) / matrix.row_step;
}

float largest(const MatrixLayout& matrix, const float* values, const Block& block) {
  float found = 0.0F;
  const std::uint64_t end = std::min<std::uint64_t>(row_from(matrix, block.row_end), matrix.rows);
  for (std::uint64_t row = row_from(matrix, block.row_first); row < end; ++row) {
    for (std::uint64_t c = block.column_first; c < block.column_end; ++c)
      found = std::max(found, std::abs(values[row * matrix.columns + c]));
  }
  return found;
}

float largest_code(ExpertFormat format) {
  if (format == ExpertFormat::int8) return int8_max;
  if (format == ExpertFormat::int4_32 || format == ExpertFormat::int4_128) return int4_max;
  return e4m3_max;
}

void store_scale(ExpertFormat format, float magnitude, std::byte* to) {
  if (format == ExpertFormat::mxfp4) {
    store(to, magnitude == 0.0F ? std::uint8_t{127} : encode_e8m0(magnitude / e2m1_largest_power));
    return;
  }
  const float scale = magnitude == 0.0F ? 1.0F : magnitude / largest_code(format);
  if (format_info(format).scale_bytes == 4) {
    store(to, scale);
  } else {
    // The smallest fp16 stands for all below it: a scale of 0 would make every code NaN.
    store(to, std::max<std::uint16_t>(encode_fp16(scale), 1));
  }
}

/// `other` is a second projection that shares the stored matrix, or null.
void encode_scales(ExpertFormat format, const MatrixLayout& matrix, const float* values,
                   const MatrixLayout* other, const float* other_values, std::byte* slab) {
  const FormatInfo& info = format_info(format);
  if (info.scale_bytes == 0) return;
  const std::uint64_t in_row = scales_in_row(format, matrix.columns);
  const std::uint64_t block_columns = info.scale_columns == 0 ? matrix.columns : info.scale_columns;
  for (std::uint64_t row = 0; row < matrix.rows; ++row) {
    const std::uint64_t scale_row = matrix.stored_row(row) / info.scale_rows;
    const bool done_before = row != 0 && matrix.stored_row(row - 1) / info.scale_rows == scale_row;
    if (done_before) continue;
    for (std::uint64_t column = 0; column < in_row; ++column) {
      const Block block{scale_row * info.scale_rows, (scale_row + 1) * info.scale_rows,
                        column * block_columns,
                        std::min<std::uint64_t>((column + 1) * block_columns, matrix.columns)};
      float magnitude = largest(matrix, values, block);
      if (other != nullptr) magnitude = std::max(magnitude, largest(*other, other_values, block));
      store_scale(format, magnitude,
                  slab + matrix.scales_offset_bytes + (scale_row * in_row + column) * info.scale_bytes);
    }
  }
}

void store_nibble(std::byte* row, std::uint64_t column, unsigned code) {
  const unsigned shift = column % 2 == 0 ? 0 : 4;
  const auto kept = std::to_integer<unsigned>(row[column / 2]) & ~(15U << shift);
  row[column / 2] = static_cast<std::byte>(kept | ((code & 15U) << shift));
}

void store_code(ExpertFormat format, std::byte* row, std::uint64_t column, float value) {
  switch (format) {
    case ExpertFormat::fp32:
      return store(row + 4 * column, value);
    case ExpertFormat::bf16:
      return store(row + 2 * column, encode_bf16(value));
    case ExpertFormat::fp16:
      return store(row + 2 * column, encode_fp16(value));
    case ExpertFormat::fp8_rows:
    case ExpertFormat::fp8_blocks:
      return store(row + column, encode_e4m3(value));
    case ExpertFormat::int8:
      return store(row + column, integer_code(value, int8_max));
    case ExpertFormat::int4_32:
    case ExpertFormat::int4_128:
      return store_nibble(row, column, integer_code(value, int4_max) + 8U);
    case ExpertFormat::mxfp4:
      return store_nibble(row, column, encode_e2m1(value));
  }
}

void encode_codes(ExpertFormat format, const MatrixLayout& matrix, const float* values, std::byte* slab) {
  const std::uint64_t row_bytes = value_row_bytes(format, matrix.columns);
  for (std::uint64_t row = 0; row < matrix.rows; ++row) {
    std::byte* to = slab + matrix.values_offset_bytes + matrix.stored_row(row) * row_bytes;
    for (std::uint64_t column = 0; column < matrix.columns; ++column) {
      const float scale = decode_scale(format, matrix, slab, row, column);
      store_code(format, to, column, values[row * matrix.columns + column] / scale);
    }
  }
}

}  // namespace

std::uint16_t encode_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

std::uint16_t encode_fp16(float value) noexcept {
  const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000U : 0U);
  if (std::isnan(value)) return sign | 0x7E00U;
  const float magnitude = std::abs(value);
  constexpr float smallest_normal = 0x1p-14F;
  if (magnitude < smallest_normal) {
    return static_cast<std::uint16_t>(sign | static_cast<unsigned>(std::nearbyint(magnitude * 0x1p24F)));
  }
  if (magnitude >= 65520.0F) return sign | 0x7C00U;
  const auto bits = std::bit_cast<std::uint32_t>(magnitude);
  const std::uint32_t rounded = (bits + 0x0FFFU + ((bits >> 13U) & 1U)) >> 13U;
  return static_cast<std::uint16_t>(sign | (rounded - ((127U - 15U) << 10U)));
}

std::uint8_t encode_e4m3(float value) noexcept {
  static const auto values = magnitudes<127>([](std::uint8_t code) { return decode_e4m3(code); });
  if (std::isnan(value)) return 0x7F;
  return with_sign(nearest_code(values, std::abs(value)), value, 0x80U);
}

std::uint8_t encode_e2m1(float value) noexcept {
  static const auto values = magnitudes<8>([](std::uint8_t code) { return decode_e2m1(code); });
  return with_sign(nearest_code(values, std::abs(value)), value, 8U);
}

std::uint8_t encode_e8m0(float value) noexcept {
  if (value < 0x1p-126F) return 0;
  return static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(std::min(value, 0x1p127F)) >> 23U);
}

void encode_matrix(ExpertFormat format, const MatrixLayout& matrix, const float* values,
                   std::byte* slab) noexcept {
  encode_scales(format, matrix, values, nullptr, nullptr, slab);
  encode_codes(format, matrix, values, slab);
}

void encode_bias(ExpertFormat format, const MatrixLayout& matrix, const float* values,
                 std::byte* slab) noexcept {
  for (std::uint64_t row = 0; row < matrix.rows; ++row) {
    std::byte* to = slab + matrix.bias_offset_bytes + matrix.stored_row(row) * bias_bytes(format);
    if (format == ExpertFormat::fp32) {
      store(to, values[row]);
    } else {
      store(to, format == ExpertFormat::fp16 ? encode_fp16(values[row]) : encode_bf16(values[row]));
    }
  }
}

void encode_expert(const SlabLayout& layout, const ExpertValues& values, std::byte* slab) noexcept {
  const ExpertShape& shape = layout.shape;
  std::fill_n(slab, layout.size_bytes, std::byte{0});
  if (shape.interleaved) {
    encode_scales(shape.format, layout.gate, values.gate, &layout.up, values.up, slab);
    encode_scales(shape.format, layout.up, values.up, &layout.gate, values.gate, slab);
    encode_codes(shape.format, layout.gate, values.gate, slab);
    encode_codes(shape.format, layout.up, values.up, slab);
  } else {
    encode_matrix(shape.format, layout.gate, values.gate, slab);
    if (shape.gated) encode_matrix(shape.format, layout.up, values.up, slab);
  }
  encode_matrix(shape.format, layout.down, values.down, slab);
  if (!shape.has_bias) return;
  encode_bias(shape.format, layout.gate, values.gate_bias, slab);
  if (shape.gated) encode_bias(shape.format, layout.up, values.up_bias, slab);
  encode_bias(shape.format, layout.down, values.down_bias, slab);
}

}  // namespace prophet::kernels
