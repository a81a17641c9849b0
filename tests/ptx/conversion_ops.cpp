#include <algorithm>
#include <cmath>

#include "tests/ptx/decoder.hpp"
#include "tests/ptx/float_arithmetic.hpp"

namespace prophet::ptx {
namespace {

struct Conversion {
  Type to = Type::u32, from = Type::u32;
  Rounding rounding = Rounding::nearest_even;
  int to_whole = -1;  ///< .rni, .rzi, .rmi, .rpi: as Rounding, or -1
  bool saturates = false, flushes = false, relu = false, finite = false;
};

bool is_float(Type type) {
  return is_scalar_float(type);
}

std::uint64_t float_to_float(const Conversion& c, std::uint64_t bits) {
  const FloatModes in{.type = c.from, .flushes = c.flushes};
  double value = load(in, bits);
  if (c.to_whole >= 0) value = to_whole(value, static_cast<Rounding>(c.to_whole));
  if (c.finite && std::isfinite(value)) {
    return encode(format_of(c.to), c.relu && value < 0 ? 0 : value, c.rounding, Overflow::largest);
  }
  const FloatModes out{.type = c.to,
                       .rounding = c.rounding,
                       .flushes = c.flushes && c.to == Type::f32,
                       .saturates = c.saturates,
                       .relu = c.relu};
  return store(out, value);
}

std::uint64_t float_to_integer(const Conversion& c, std::uint64_t bits) {
  const FloatModes in{.type = c.from, .flushes = c.flushes};
  const double exact = load(in, bits);
  if (std::isnan(exact)) return 0;
  const double value = to_whole(exact, static_cast<Rounding>(std::max(c.to_whole, 0)));
  const unsigned width = bits_of(c.to);
  if (is_signed(c.to)) {
    const double limit = std::ldexp(1.0, static_cast<int>(width) - 1);
    if (value >= limit) return low_bits(width - 1);
    return value < -limit ? std::uint64_t{1} << (width - 1)
                          : static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  }
  if (value >= std::ldexp(1.0, static_cast<int>(width))) return low_bits(width);
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

std::uint64_t integer_to_float(const Conversion& c, std::uint64_t bits) {
  const std::uint64_t value =
      is_signed(c.from) ? sign_extended(bits, bits_of(c.from)) : bits & low_bits(bits_of(c.from));
  const bool negative = is_signed(c.from) && static_cast<std::int64_t>(value) < 0;
  const std::uint64_t result =
      encode_integer(format_of(c.to), negative, negative ? 0 - value : value, c.rounding);
  if (!c.saturates) return result;
  return store({.type = c.to, .saturates = true}, decode(format_of(c.to), result));
}

std::uint64_t integer_to_integer(const Conversion& c, std::uint64_t bits) {
  const unsigned from_bits = bits_of(c.from), to_bits = bits_of(c.to);
  const std::uint64_t value = is_signed(c.from) ? sign_extended(bits, from_bits) : bits & low_bits(from_bits);
  if (!c.saturates) return is_signed(c.to) ? sign_extended(value, to_bits) : value & low_bits(to_bits);
  const bool negative = is_signed(c.from) && static_cast<std::int64_t>(value) < 0;
  if (!is_signed(c.to)) return negative ? 0 : std::min(value, low_bits(to_bits));
  if (!negative) return std::min(value, low_bits(to_bits - 1));
  const auto least = -static_cast<std::int64_t>(low_bits(to_bits - 1)) - 1;
  return static_cast<std::uint64_t>(std::max(static_cast<std::int64_t>(value), least));
}

std::uint64_t convert(const Conversion& c, std::uint64_t bits) {
  if (is_float(c.from)) return is_float(c.to) ? float_to_float(c, bits) : float_to_integer(c, bits);
  return is_float(c.to) ? integer_to_float(c, bits) : integer_to_integer(c, bits);
}

Conversion take_conversion(Decoder& d) {
  Conversion c;
  c.to_whole = d.take_one_of({"rni", "rzi", "rmi", "rpi"});
  c.rounding = d.rounding();
  c.flushes = d.take("ftz");
  c.saturates = d.take("sat");
  c.finite = d.take("satfinite");
  c.relu = d.take("relu");
  c.to = d.type();
  c.from = d.type();
  return c;
}

/// Two floats into one register: the first goes into the high half.
Action make_narrow_pair(Decoder& d, Conversion c) {
  d.finish(3);
  const unsigned bits = bits_of(c.to) / 2;
  const Conversion half = c;
  return binary(d.destination(0), d.source(1), d.source(2), [=](std::uint64_t high, std::uint64_t low) {
    const auto one = [&](std::uint64_t value) {
      FloatModes in{.type = half.from, .flushes = half.flushes};
      double number = load(in, value);
      if (half.relu && number < 0) number = 0;
      return encode(format_of(half.to), number, half.rounding,
                    half.finite ? Overflow::largest : Overflow::infinity) &
             low_bits(bits);
    };
    return (one(high) << bits) | one(low);
  });
}

/// A pair of short floats into a pair of other ones.
Action make_pair_to_pair(Decoder& d, Conversion c) {
  d.finish(2);
  const unsigned from_bits = bits_of(c.from) / 2, to_bits = bits_of(c.to) / 2;
  return unary(d.destination(0), d.source(1), [=](std::uint64_t both) {
    const auto one = [&](std::uint64_t value) {
      double number = decode(format_of(c.from), value & low_bits(from_bits));
      if (c.relu && number < 0) number = 0;
      return encode(format_of(c.to), number, c.rounding, c.finite ? Overflow::largest : Overflow::infinity) &
             low_bits(to_bits);
    };
    return (one(both >> from_bits) << to_bits) | one(both);
  });
}

bool is_any_pair(Type type) {
  return is_float_pair(type) || type == Type::e4m3x2 || type == Type::e5m2x2;
}

/// Two integers saturated into one register, below what c holds.
Action make_pack(Decoder& d) {
  d.take("sat");
  Conversion c{.saturates = true};
  c.to = d.type();
  c.from = d.type();
  const bool has_rest = d.take("b32");
  d.finish(has_rest ? 4 : 3);
  const unsigned bits = bits_of(c.to);
  const Source rest = has_rest ? d.source(3) : d.constant(0);
  return ternary(d.destination(0), d.source(1), d.source(2), rest,
                 [=](std::uint64_t high, std::uint64_t low, std::uint64_t before) {
                   const auto one = [&](std::uint64_t value) { return convert(c, value) & low_bits(bits); };
                   return (before << (2 * bits)) | (one(high) << bits) | one(low);
                 });
}

Action make_cvt(Decoder& d) {
  if (d.take("pack")) return make_pack(d);
  Conversion c = take_conversion(d);
  // Bits count as unsigned numbers.
  if (is_any_pair(c.to) && !is_any_pair(c.from)) return make_narrow_pair(d, c);
  if (is_any_pair(c.to) || is_any_pair(c.from)) return make_pair_to_pair(d, c);
  d.finish(2);
  if (!is_float(c.from) && !is_float(c.to) && c.to_whole >= 0) d.unsupported("a rounding between integers");
  return unary(d.destination(0), d.source(1), [=](std::uint64_t bits) { return convert(c, bits); });
}

/// Generic addresses of global memory are the host's; those of shared memory and parameters lie in windows.
Action make_cvta(Decoder& d) {
  const bool to_space = d.take("to");
  const int space = d.take_one_of({"global", "shared", "const", "param", "shared::cta"});
  static_cast<void>(d.type());
  d.finish(2);
  if (space < 0) d.unsupported("its space");
  const bool is_shared = space == 1 || space == 4;
  const std::uint64_t window = is_shared ? shared_window : space == 3 ? parameter_window : 0;
  return unary(d.destination(0), d.source(1), [=](std::uint64_t address) {
    if (window == 0) return address;
    if (!to_space) return address + window;
    if (!is_in(window, address)) throw Error("a generic address that is not in the space it is converted to");
    return address - window;
  });
}

Action make_isspacep(Decoder& d) {
  const int space = d.take_one_of({"global", "shared", "param", "shared::cta"});
  d.finish(2);
  if (space < 0) d.unsupported("its space");
  return unary(d.destination(0), d.source(1), [=](std::uint64_t address) -> std::uint64_t {
    const bool in_shared = is_in(shared_window, address), in_parameters = is_in(parameter_window, address);
    if (space == 0) return !in_shared && !in_parameters ? 1 : 0;
    return (space == 2 ? in_parameters : in_shared) ? 1 : 0;
  });
}

/// d = {a, b, ...}: the first is the lowest.
Action make_join(Decoder& d, unsigned bits) {
  std::vector<Source> parts;
  for (const Operand& part : d.operand(1).parts) parts.push_back(d.source_of(part));
  const auto width = static_cast<unsigned>(bits / parts.size());
  const Destination to = d.destination(0);
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      std::uint64_t value = 0;
      for (unsigned i = 0; i < parts.size(); ++i) {
        value |= (parts[i].in(warp)[lane] & low_bits(width)) << (i * width);
      }
      to.in(warp)[lane] = value & to.mask;
    });
    return true;
  };
}

Action make_split(Decoder& d, unsigned bits) {
  std::vector<Destination> parts;
  for (const Operand& part : d.operand(0).parts) parts.push_back(d.destination_of(part));
  const auto width = static_cast<unsigned>(bits / parts.size());
  const Source from = d.source(1);
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      const std::uint64_t value = from.in(warp)[lane];
      for (unsigned i = 0; i < parts.size(); ++i) {
        parts[i].in(warp)[lane] = (value >> (i * width)) & low_bits(width) & parts[i].mask;
      }
    });
    return true;
  };
}

Action make_mov(Decoder& d) {
  const Type type = d.type();
  d.finish(2);
  if (d.operand(0).kind == Operand::Kind::vector) return make_split(d, bits_of(type));
  if (d.operand(1).kind == Operand::Kind::vector) return make_join(d, bits_of(type));
  return unary(d.destination(0), d.source(1), [](std::uint64_t value) { return value; });
}

}  // namespace

void add_conversion_makers(Makers& makers) {
  makers["cvt"] = make_cvt;
  makers["cvta"] = make_cvta;
  makers["isspacep"] = make_isspacep;
  makers["mov"] = make_mov;
}

}  // namespace prophet::ptx
