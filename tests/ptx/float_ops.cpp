#include <cmath>

#include "tests/ptx/decoder.hpp"
#include "tests/ptx/float_arithmetic.hpp"

namespace prophet::ptx {

bool has_float_type(const Decoder& decoder) {
  const std::string& opcode = decoder.instruction().opcode;
  const auto type = type_named(std::string_view(opcode).substr(opcode.rfind('.') + 1));
  return type && (is_scalar_float(*type) || is_float_pair(*type));
}

FloatModes take_float_modes(Decoder& decoder) {
  FloatModes modes;
  modes.rounding = decoder.rounding();
  modes.flushes = decoder.take("ftz");
  modes.saturates = decoder.take("sat");
  modes.relu = decoder.take("relu");
  modes.type = decoder.type();
  if (modes.type == Type::f64 && modes.rounding != Rounding::nearest_even)
    decoder.unsupported("its rounding");
  return modes;
}

namespace {

/// Of the format's smallest normal number.
double smallest_normal(const Format& format) {
  return std::ldexp(1.0, 1 - format.bias());
}

double flushed(const FloatModes& modes, double value) {
  if (!modes.flushes || !(std::fabs(value) < smallest_normal(format_of(modes.type)))) return value;
  return std::copysign(0.0, value);
}

}  // namespace

double load(const FloatModes& modes, std::uint64_t bits) {
  return flushed(modes, decode(format_of(modes.type), bits));
}

std::uint64_t store(const FloatModes& modes, double value) {
  const Format format = format_of(modes.type);
  if (modes.saturates) value = value > 0 ? std::fmin(value, 1.0) : 0.0;
  if (modes.relu && value < 0) value = 0;
  if (modes.flushes) {
    const double rounded = decode(format, encode(format, value, modes.rounding));
    value = flushed(modes, rounded);
  }
  if (modes.type == Type::f32 && modes.rounding == Rounding::nearest_even) {
    return bits_of_f32(static_cast<float>(value));
  }
  return encode(format, value, modes.rounding);
}

namespace {

double larger(double a, double b) {
  if (std::isnan(a)) return b;
  if (std::isnan(b)) return a;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

double extreme(FloatBinary operation, double a, double b, bool keeps_nan) {
  if (keeps_nan && (std::isnan(a) || std::isnan(b))) return std::nan("");
  return operation == FloatBinary::max ? larger(a, b) : -larger(-a, -b);
}

/// In f64 as it is; for shorter formats exact, or rounded to odd.
double combined(FloatBinary operation, bool is_f64, double a, double b, bool keeps_nan) {
  switch (operation) {
    case FloatBinary::add:
      return is_f64 ? a + b : odd_sum(a, b);
    case FloatBinary::sub:
      return is_f64 ? a - b : odd_sum(a, -b);
    case FloatBinary::mul:
      return a * b;
    default:
      return extreme(operation, a, b, keeps_nan);
  }
}

}  // namespace

Action make_float_binary(Decoder& d, FloatBinary operation) {
  if (!has_float_type(d)) return {};
  const bool keeps_nan = d.take("NaN");
  const FloatModes modes = take_float_modes(d);
  d.finish(3);
  const bool is_f64 = modes.type == Type::f64;
  return binary(d.destination(0), d.source(1), d.source(2),
                for_each_half(modes.type, [=](std::uint64_t a, std::uint64_t b) {
                  return store(modes, combined(operation, is_f64, load(modes, a), load(modes, b), keeps_nan));
                }));
}

Action make_float_division(Decoder& d) {
  if (!has_float_type(d)) return {};
  d.take_one_of({"approx", "full"});  // as accurate as rounding allows
  const FloatModes modes = take_float_modes(d);
  d.finish(3);
  return binary(d.destination(0), d.source(1), d.source(2), [=](std::uint64_t a, std::uint64_t b) {
    const double left = load(modes, a), right = load(modes, b);
    return store(modes, modes.type == Type::f64 ? left / right : odd_quotient(left, right));
  });
}

Action make_float_sign(Decoder& d, FloatSign operation) {
  if (!has_float_type(d)) return {};
  const FloatModes modes = take_float_modes(d);
  d.finish(2);
  const std::uint64_t sign = std::uint64_t{1} << (format_of(modes.type).bits() - 1);
  return unary(d.destination(0), d.source(1), for_each_half(modes.type, [=](std::uint64_t a) {
                 if (modes.flushes) a = store(modes, load(modes, a));
                 return operation == FloatSign::abs ? a & ~sign : a ^ sign;
               }));
}

namespace {

Action make_fma(Decoder& d) {
  const FloatModes modes = take_float_modes(d);
  d.finish(4);
  const Destination to = d.destination(0);
  const Source a = d.source(1), b = d.source(2), c = d.source(3);
  if (modes.type == Type::f64) {
    return ternary(to, a, b, c, [](std::uint64_t x, std::uint64_t y, std::uint64_t z) {
      return bits_of_f64(std::fma(as_f64(x), as_f64(y), as_f64(z)));
    });
  }
  // The product of two short floats is exact in f64.
  return ternary(to, a, b, c,
                 for_each_half(modes.type, [=](std::uint64_t x, std::uint64_t y, std::uint64_t z) {
                   return store(modes, odd_sum(load(modes, x) * load(modes, y), load(modes, z)));
                 }));
}

/// Functions of one number; of the approximate ones, the value as it should be.
using Math = double (*)(double);

template <Math function>
Action make_math(Decoder& d) {
  const bool is_approximate = d.take("approx");
  const FloatModes modes = take_float_modes(d);
  d.finish(2);
  if (modes.type == Type::f64 && is_approximate) d.unsupported("suffix .approx for f64");
  return unary(d.destination(0), d.source(1), for_each_half(modes.type, [=](std::uint64_t a) {
                 return store(modes, function(load(modes, a)));
               }));
}

Action make_rcp(Decoder& d) {
  d.take("approx");
  const FloatModes modes = take_float_modes(d);
  d.finish(2);
  return unary(d.destination(0), d.source(1), [=](std::uint64_t a) {
    const double value = load(modes, a);
    return store(modes, modes.type == Type::f64 ? 1.0 / value : odd_quotient(1.0, value));
  });
}

Action make_sqrt(Decoder& d) {
  d.take("approx");
  const FloatModes modes = take_float_modes(d);
  d.finish(2);
  return unary(d.destination(0), d.source(1), [=](std::uint64_t a) {
    const double value = load(modes, a);
    return store(modes, modes.type == Type::f64 ? std::sqrt(value) : odd_root(value));
  });
}

double rsqrt(double value) {
  return 1.0 / std::sqrt(value);
}
double sine(double value) {
  return std::sin(value);
}
double cosine(double value) {
  return std::cos(value);
}
double power_of_two(double value) {
  return std::exp2(value);
}
double binary_logarithm(double value) {
  return std::log2(value);
}
double hyperbolic_tangent(double value) {
  return std::tanh(value);
}

Action make_copysign(Decoder& d) {
  const Type type = d.type();
  d.finish(3);
  const std::uint64_t sign = std::uint64_t{1} << (bits_of(type) - 1);
  return binary(d.destination(0), d.source(1), d.source(2),
                [=](std::uint64_t a, std::uint64_t b) { return (a & sign) | (b & ~sign); });
}

Action make_testp(Decoder& d) {
  const int test = d.take_one_of({"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  const Type type = d.type();
  d.finish(2);
  if (test < 0) d.unsupported("its test");
  const Format format = format_of(type);
  return unary(d.destination(0), d.source(1), [=](std::uint64_t bits) -> std::uint64_t {
    const double value = decode(format, bits);
    const bool is_small = std::fabs(value) < smallest_normal(format);
    const bool answers[] = {std::isfinite(value),
                            std::isinf(value),
                            !std::isnan(value),
                            std::isnan(value),
                            std::isfinite(value) && !is_small,
                            is_small && value != 0};
    return answers[test] ? 1 : 0;
  });
}

}  // namespace

void add_float_makers(Makers& makers) {
  makers["fma"] = make_fma;
  makers["rcp"] = make_rcp;
  makers["sqrt"] = make_sqrt;
  makers["rsqrt"] = make_math<rsqrt>;
  makers["sin"] = make_math<sine>;
  makers["cos"] = make_math<cosine>;
  makers["ex2"] = make_math<power_of_two>;
  makers["lg2"] = make_math<binary_logarithm>;
  makers["tanh"] = make_math<hyperbolic_tangent>;
  makers["copysign"] = make_copysign;
  makers["testp"] = make_testp;
}

}  // namespace prophet::ptx
