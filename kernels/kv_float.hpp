#pragma once

#include <cstddef>
#include <cstdint>

namespace prophet::kernels {

/// How numbers lie in memory where a kernel takes more than one format.
enum class FloatFormat : std::uint8_t { fp32, fp16, bf16 };

[[nodiscard]] constexpr std::size_t format_bytes(FloatFormat format) noexcept {
  return format == FloatFormat::fp32 ? 4 : 2;
}

[[nodiscard]] constexpr bool is_16_bit(FloatFormat format) noexcept {
  return format == FloatFormat::fp16 || format == FloatFormat::bf16;
}

[[nodiscard]] constexpr bool is_known(FloatFormat format) noexcept {
  return format == FloatFormat::fp32 || is_16_bit(format);
}

/// values[index] of an array in `format`, exactly.
[[nodiscard]] float load_as_float(const void* values, std::size_t index, FloatFormat format) noexcept;

/// values[index] = value, rounded to nearest, ties to even.
void store_as(void* values, std::size_t index, FloatFormat format, float value) noexcept;

}  // namespace prophet::kernels
