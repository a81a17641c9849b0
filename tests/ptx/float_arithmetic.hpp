#pragma once

#include "tests/ptx/decoder.hpp"

/// The floating-point forms of instructions whose names integers share: an empty Action when the types are
/// integers.
namespace prophet::ptx {

enum class FloatBinary { add, sub, mul, min, max };
enum class FloatSign { abs, neg };

[[nodiscard]] Action make_float_binary(Decoder& decoder, FloatBinary operation);
[[nodiscard]] Action make_float_division(Decoder& decoder);
[[nodiscard]] Action make_float_sign(Decoder& decoder, FloatSign operation);

/// True when the last suffix is a floating-point type.
[[nodiscard]] bool has_float_type(const Decoder& decoder);

/// How an operation on values is done on bits of a format: operands decoded, its result encoded once.
struct FloatModes {
  Type type = Type::f32;
  Rounding rounding = Rounding::nearest_even;
  bool flushes = false;    ///< .ftz: subnormals count as 0
  bool saturates = false;  ///< to [0, 1], NaN to 0
  bool relu = false;       ///< negative results are 0
};

/// Takes the rounding, .ftz, .sat, .relu and the type.
[[nodiscard]] FloatModes take_float_modes(Decoder& decoder);
/// The value of an operand.
[[nodiscard]] double load(const FloatModes& modes, std::uint64_t bits);
/// A result that is exact or rounded to odd, as the mode asks.
[[nodiscard]] std::uint64_t store(const FloatModes& modes, double value);

/// Applies a function of scalar bits to both halves of a pair.
template <class Function>
auto for_each_half(Type type, Function function) {
  return [=](auto... bits) -> std::uint64_t {
    if (!is_float_pair(type)) return function(bits...);
    return (function((bits & 0xFFFF)...) & 0xFFFF) | (function(((bits >> 16) & 0xFFFF)...) << 16);
  };
}

}  // namespace prophet::ptx
