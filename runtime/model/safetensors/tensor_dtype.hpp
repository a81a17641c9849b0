#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace prophet {

/// The element types that the safetensors format names. That a file may hold a type does not say that Prophet
/// reads its values: see tensor_values.hpp.
enum class TensorDtype : std::uint8_t {
  boolean,
  f4,
  f6_e2m3,
  f6_e3m2,
  u8,
  i8,
  f8_e5m2,
  f8_e4m3,
  f8_e8m0,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  i16,
  u16,
  f16,
  bf16,
  i32,
  u32,
  f32,
  c64,
  f64,
  i64,
  u64,
};

/// As files spell it: "BF16".
[[nodiscard]] std::string_view tensor_dtype_name(TensorDtype dtype) noexcept;
/// Of one element; not a multiple of 8 for F4 and F6.
[[nodiscard]] std::uint32_t tensor_dtype_bits(TensorDtype dtype) noexcept;
/// Case matters.
[[nodiscard]] std::optional<TensorDtype> parse_tensor_dtype(std::string_view name) noexcept;

}  // namespace prophet
