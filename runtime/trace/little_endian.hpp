#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace prophet {

static_assert(std::endian::native == std::endian::little,
              "Prophet reads and writes files on little-endian hosts");

/// The value at byte `at` of `bytes`. REQUIRES: at + sizeof(T) <= bytes.size().
template <class T>
[[nodiscard]] T get_le(std::span<const std::byte> bytes, std::size_t at) noexcept {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

/// Appends the value's bytes.
template <class T>
void put_le(std::vector<std::byte>& bytes, T value) {
  const auto at = bytes.size();
  bytes.resize(at + sizeof(T));
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

/// bf16 is the upper half of an fp32.
[[nodiscard]] inline float bf16_to_float(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

/// To nearest, ties to even; a finite value beyond the largest bf16 becomes infinity. REQUIRES: not NaN.
[[nodiscard]] inline std::uint16_t float_to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

[[nodiscard]] inline bool is_exact_bf16(float value) noexcept {
  return (std::bit_cast<std::uint32_t>(value) & 0xffffU) == 0;
}

}  // namespace prophet
