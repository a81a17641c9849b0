#include "kernels/kv_float.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace prophet::kernels {
namespace {

constexpr std::uint32_t infinity_bits = 0x7F800000U;
constexpr std::uint16_t not_a_number_16 = 0x7FFFU;

float from_fp16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1FU;
  const std::uint32_t mantissa = half & 0x3FFU;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 0x1FU ? infinity_bits : (exponent + 112U) << 23;
  return std::bit_cast<float>(sign | wide | (mantissa << 13));
}

std::uint16_t to_fp16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > infinity_bits) return not_a_number_16;
  if (magnitude >= 0x47800000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // from 2^16
  if (magnitude < 0x38800000U) {  // below 2^-14: steps of 2^-24
    const long steps = std::lrintf(std::bit_cast<float>(magnitude) * 0x1p24F);
    return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(steps));
  }
  const std::uint32_t rounded = magnitude + 0xFFFU + ((magnitude >> 13) & 1U);
  return static_cast<std::uint16_t>(sign | ((rounded >> 13) - (112U << 10)));
}

std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > infinity_bits) return not_a_number_16;
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

template <class Bits>
Bits load_bits(const void* values, std::size_t index) {
  Bits bits;
  std::memcpy(&bits, static_cast<const std::byte*>(values) + index * sizeof(Bits), sizeof(Bits));
  return bits;
}

template <class Bits>
void store_bits(void* values, std::size_t index, Bits bits) {
  std::memcpy(static_cast<std::byte*>(values) + index * sizeof(Bits), &bits, sizeof(Bits));
}

}  // namespace

float load_as_float(const void* values, std::size_t index, FloatFormat format) noexcept {
  if (format == FloatFormat::fp32) return load_bits<float>(values, index);
  const auto bits = load_bits<std::uint16_t>(values, index);
  if (format == FloatFormat::fp16) return from_fp16(bits);
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

void store_as(void* values, std::size_t index, FloatFormat format, float value) noexcept {
  if (format == FloatFormat::fp32) {
    store_bits(values, index, value);
  } else {
    store_bits(values, index, format == FloatFormat::fp16 ? to_fp16(value) : to_bf16(value));
  }
}

}  // namespace prophet::kernels
