#pragma once

#include <cstdint>

#include "tests/ptx/types.hpp"

/// Floating-point numbers of every format that PTX knows, rounded in software: nothing depends on the host's
/// rounding mode, and no format is rounded twice.
namespace prophet::ptx {

enum class Rounding : std::uint8_t {
  nearest_even,
  toward_zero,
  down,
  up,
  nearest_away  ///< ties away from zero
};

struct Format {
  unsigned exponent_bits;
  unsigned fraction_bits;
  bool has_infinity = true;  ///< without: the largest exponent holds numbers, and one NaN a sign (e4m3)

  [[nodiscard]] constexpr unsigned bits() const { return 1 + exponent_bits + fraction_bits; }
  [[nodiscard]] constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
};

inline constexpr Format f16_format{5, 10};
inline constexpr Format bf16_format{8, 7};
inline constexpr Format f32_format{8, 23};
inline constexpr Format f64_format{11, 52};
inline constexpr Format tf32_format{8, 10};
inline constexpr Format e4m3_format{4, 3, false};
inline constexpr Format e5m2_format{5, 2};

/// Of a scalar type, or of one half of a pair.
[[nodiscard]] Format format_of(Type type);

/// What an overflow becomes.
enum class Overflow : std::uint8_t { infinity, largest };

/// The exact value of the number in the low bits.
[[nodiscard]] double decode(const Format& format, std::uint64_t bits);

/// `value` rounded once to `format`; NaN becomes PTX's canonical NaN. The fraction of tf32 stands in the high
/// bits of an f32.
[[nodiscard]] std::uint64_t encode(const Format& format, double value,
                                   Rounding rounding = Rounding::nearest_even,
                                   Overflow overflow = Overflow::infinity);

/// magnitude, with a sign, rounded once to `format`.
[[nodiscard]] std::uint64_t encode_integer(const Format& format, bool negative, std::uint64_t magnitude,
                                           Rounding rounding);

/// Results that lie on the right side of every rounding boundary of a shorter format ("round to odd"):
/// encoding them to f32 or shorter, in any mode, is as if the exact result were rounded. Operands are exact
/// values of f32 or shorter.
[[nodiscard]] double odd_sum(double a, double b);
[[nodiscard]] double odd_quotient(double a, double b);
[[nodiscard]] double odd_root(double a);

[[nodiscard]] double as_f64(std::uint64_t bits);
[[nodiscard]] std::uint64_t bits_of_f32(float value);
[[nodiscard]] std::uint64_t bits_of_f64(double value);

/// `value` rounded to a whole number.
[[nodiscard]] double to_whole(double value, Rounding rounding);

}  // namespace prophet::ptx
