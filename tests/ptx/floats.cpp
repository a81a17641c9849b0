#include "tests/ptx/floats.hpp"

#include <bit>
#include <cmath>
#include <limits>

namespace prophet::ptx {
namespace {

std::uint64_t nan_of(const Format& format) {
  if (format.fraction_bits == tf32_format.fraction_bits && format.exponent_bits == 8) return 0x7FFFFFFF;
  if (format.bits() == 64) return 0x7FF8000000000000;
  return low_bits(format.bits() - 1);
}

/// Adds one to `kept` where the mode asks for it, given the bits that were cut off: `half` is the first of
/// them, `rest` says whether any other is set.
std::uint64_t round_up_if(std::uint64_t kept, bool half, bool rest, bool negative, Rounding rounding) {
  bool up = false;
  switch (rounding) {
    case Rounding::nearest_even:
      up = half && (rest || (kept & 1) != 0);
      break;
    case Rounding::nearest_away:
      up = half;
      break;
    case Rounding::toward_zero:
      break;
    case Rounding::down:
      up = negative && (half || rest);
      break;
    case Rounding::up:
      up = !negative && (half || rest);
      break;
  }
  return kept + (up ? 1 : 0);
}

/// The largest finite number without its sign, as bits.
std::uint64_t largest_of(const Format& format) {
  const std::uint64_t all = low_bits(format.exponent_bits + format.fraction_bits);
  return format.has_infinity ? all - (std::uint64_t{1} << format.fraction_bits) : all - 1;
}

bool overflow_is_largest(bool negative, Rounding rounding) {
  return rounding == Rounding::toward_zero || (rounding == Rounding::down && !negative) ||
         (rounding == Rounding::up && negative);
}

/// mantissa * 2^exponent, mantissa not 0, rounded to the format: the sign's bit is not included.
std::uint64_t pack(const Format& format, bool negative, std::uint64_t mantissa, int exponent,
                   Rounding rounding, Overflow overflow) {
  const int leading = 63 - std::countl_zero(mantissa);
  const int fraction = static_cast<int>(format.fraction_bits);
  int power = leading + exponent;  // of the leading bit
  int scale = power - fraction;    // of the last bit kept
  scale = std::max(scale, 1 - format.bias() - fraction);
  const int cut = scale - exponent;
  std::uint64_t kept = 0;
  if (cut <= 0) {
    kept = mantissa << -cut;
  } else if (cut > 64) {
    kept = round_up_if(0, false, true, negative, rounding);
  } else {
    const std::uint64_t whole = cut == 64 ? 0 : mantissa >> cut;
    const bool half = ((mantissa >> (cut - 1)) & 1) != 0;
    const bool rest = (mantissa & low_bits(static_cast<unsigned>(cut - 1))) != 0;
    kept = round_up_if(whole, half, rest, negative, rounding);
  }
  // A carry out of the fraction moves into the exponent by itself: a subnormal has biased exponent 0.
  const int biased = scale + fraction + format.bias();
  const std::uint64_t hidden = std::uint64_t{1} << fraction;
  std::uint64_t bits = kept;
  if (biased > 1 || kept >= hidden) {
    bits = (static_cast<std::uint64_t>(biased) << fraction) + kept - hidden;
  }
  const std::uint64_t largest = largest_of(format);
  if (bits <= largest) return bits;
  if (overflow == Overflow::largest || overflow_is_largest(negative, rounding)) return largest;
  return largest + 1;  // infinity; in e4m3, NaN
}

std::uint64_t with_sign(const Format& format, bool negative, std::uint64_t bits) {
  const std::uint64_t whole = bits | (negative ? std::uint64_t{1} << (format.bits() - 1) : 0);
  return format.bits() == 19 ? whole << 13 : whole;  // tf32 stands where an f32 has its high bits
}

}  // namespace

Format format_of(Type type) {
  switch (type) {
    case Type::f16:
    case Type::f16x2:
      return f16_format;
    case Type::bf16:
    case Type::bf16x2:
      return bf16_format;
    case Type::f32:
      return f32_format;
    case Type::f64:
      return f64_format;
    case Type::tf32:
      return tf32_format;
    case Type::e4m3x2:
      return e4m3_format;
    case Type::e5m2x2:
      return e5m2_format;
    default:
      throw Error(std::string("type ") + std::string(name_of(type)) + " is no floating-point type");
  }
}

double as_f64(std::uint64_t bits) {
  return std::bit_cast<double>(bits);
}
std::uint64_t bits_of_f64(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

std::uint64_t bits_of_f32(float value) {
  if (std::isnan(value)) return 0x7FFFFFFF;
  return std::bit_cast<std::uint32_t>(value);
}

double decode(const Format& format, std::uint64_t bits) {
  if (format.bits() == 64) return as_f64(bits);
  if (format.bits() == 32) return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  const std::uint64_t fraction = bits & low_bits(format.fraction_bits);
  const int biased = static_cast<int>((bits >> format.fraction_bits) & low_bits(format.exponent_bits));
  const bool negative = ((bits >> (format.bits() - 1)) & 1) != 0;
  const int top = static_cast<int>(low_bits(format.exponent_bits));
  const bool special =
      format.has_infinity ? biased == top : biased == top && fraction == low_bits(format.fraction_bits);
  double value = 0;
  if (special) {
    value = format.has_infinity && fraction == 0 ? std::numeric_limits<double>::infinity()
                                                 : std::numeric_limits<double>::quiet_NaN();
  } else {
    const std::uint64_t hidden = biased == 0 ? 0 : std::uint64_t{1} << format.fraction_bits;
    value = std::ldexp(static_cast<double>(fraction | hidden),
                       std::max(biased, 1) - format.bias() - static_cast<int>(format.fraction_bits));
  }
  return negative ? -value : value;
}

std::uint64_t encode(const Format& format, double value, Rounding rounding, Overflow overflow) {
  if (std::isnan(value)) return nan_of(format);
  if (format.bits() == 64) return bits_of_f64(value);
  const bool negative = std::signbit(value);
  if (std::isinf(value)) {
    const std::uint64_t largest = largest_of(format);
    return with_sign(format, negative, overflow == Overflow::largest ? largest : largest + 1);
  }
  if (value == 0) return with_sign(format, negative, 0);
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(value), &exponent);
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, 53));
  return with_sign(format, negative, pack(format, negative, mantissa, exponent - 53, rounding, overflow));
}

std::uint64_t encode_integer(const Format& format, bool negative, std::uint64_t magnitude,
                             Rounding rounding) {
  if (magnitude == 0) return 0;
  return with_sign(format, negative, pack(format, negative, magnitude, 0, rounding, Overflow::infinity));
}

namespace {

/// `value` moved by less than one unit so that its last bit is odd, when the exact result is `value + error`.
double to_odd(double value, double error) {
  if (error == 0 || std::isnan(error) || std::isinf(value)) return value;
  const std::uint64_t bits = bits_of_f64(value);
  if ((bits & 1) != 0) return value;
  const bool away = (error > 0) == (value > 0);
  return as_f64(away ? bits + 1 : bits - 1);
}

}  // namespace

double odd_sum(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  const double error = (a - (sum - b_part)) + (b - b_part);
  return to_odd(sum, error);
}

double odd_quotient(double a, double b) {
  const double quotient = a / b;
  if (std::isinf(b) || quotient == 0 || std::isinf(quotient)) return quotient;
  const double rest = std::fma(-quotient, b, a);
  return to_odd(quotient, std::signbit(b) ? -rest : rest);
}

double odd_root(double a) {
  const double root = std::sqrt(a);
  if (!(root > 0)) return root;
  return to_odd(root, std::fma(-root, root, a));
}

double to_whole(double value, Rounding rounding) {
  switch (rounding) {
    case Rounding::nearest_even:
      return std::nearbyint(value);
    case Rounding::nearest_away:
      return std::round(value);
    case Rounding::toward_zero:
      return std::trunc(value);
    case Rounding::down:
      return std::floor(value);
    case Rounding::up:
      return std::ceil(value);
  }
  return value;
}

}  // namespace prophet::ptx
