#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

/// A reader and interpreter of PTX, the text that nvcc makes of CUDA kernels: a check of the kernels that
/// shares no code with the SIMT executor of tests/cuda_on_cpu. See README.md for what it covers. Source of
/// all semantics: NVIDIA, "Parallel Thread Execution ISA", version 9.0.
namespace prophet::ptx {

/// What is wrong with a module, or with what a kernel does; one sentence with the line of the PTX text.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Type : std::uint8_t {
  pred,
  b8,
  b16,
  b32,
  b64,
  u8,
  u16,
  u32,
  u64,
  s8,
  s16,
  s32,
  s64,
  f16,
  f16x2,
  bf16,
  bf16x2,
  f32,
  f64,
  tf32,
  e4m3x2,
  e5m2x2
};

/// The type of that name ("u32"), if there is one.
[[nodiscard]] std::optional<Type> type_named(std::string_view name);
[[nodiscard]] std::string_view name_of(Type type);

[[nodiscard]] constexpr unsigned bits_of(Type type) {
  switch (type) {
    case Type::pred:
      return 1;
    case Type::b8:
    case Type::u8:
    case Type::s8:
      return 8;
    case Type::b16:
    case Type::u16:
    case Type::s16:
    case Type::f16:
    case Type::bf16:
    case Type::e4m3x2:
    case Type::e5m2x2:
      return 16;
    case Type::b64:
    case Type::u64:
    case Type::s64:
    case Type::f64:
      return 64;
    default:
      return 32;
  }
}

[[nodiscard]] constexpr bool is_signed(Type type) {
  return type == Type::s8 || type == Type::s16 || type == Type::s32 || type == Type::s64;
}
[[nodiscard]] constexpr bool is_unsigned(Type type) {
  return type == Type::u8 || type == Type::u16 || type == Type::u32 || type == Type::u64;
}
[[nodiscard]] constexpr bool is_integer(Type type) {
  return is_signed(type) || is_unsigned(type);
}
/// Typed only by size.
[[nodiscard]] constexpr bool is_bits(Type type) {
  return type == Type::b8 || type == Type::b16 || type == Type::b32 || type == Type::b64;
}
[[nodiscard]] constexpr bool is_scalar_float(Type type) {
  return type == Type::f16 || type == Type::bf16 || type == Type::f32 || type == Type::f64 ||
         type == Type::tf32;
}
/// Two 16-bit floats in one register.
[[nodiscard]] constexpr bool is_float_pair(Type type) {
  return type == Type::f16x2 || type == Type::bf16x2;
}

/// The low `bits` bits set.
[[nodiscard]] constexpr std::uint64_t low_bits(unsigned bits) {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

[[nodiscard]] constexpr std::uint64_t sign_extended(std::uint64_t value, unsigned bits) {
  const unsigned shift = 64 - bits;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << shift) >> shift);
}

}  // namespace prophet::ptx
