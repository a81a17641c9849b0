#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include "tests/ptx/decoder.hpp"
#include "tests/ptx/float_arithmetic.hpp"

namespace prophet::ptx {
namespace {

__extension__ using Signed128 = __int128;
__extension__ using Unsigned128 = unsigned __int128;

/// Calls `make` with a value of the C++ type of an integer type of 16 bits or more.
template <class Make>
Action with_integer(const Decoder& decoder, Type type, Make&& make) {
  switch (type) {
    case Type::u16:
    case Type::b16:
      return make(std::uint16_t{});
    case Type::s16:
      return make(std::int16_t{});
    case Type::u32:
    case Type::b32:
      return make(std::uint32_t{});
    case Type::s32:
      return make(std::int32_t{});
    case Type::u64:
    case Type::b64:
      return make(std::uint64_t{});
    case Type::s64:
      return make(std::int64_t{});
    default:
      decoder.unsupported("this type");
  }
}

template <class T>
Signed128 wide(std::uint64_t bits) {
  return static_cast<Signed128>(static_cast<T>(bits));
}

std::uint64_t low(Signed128 value) {
  return static_cast<std::uint64_t>(static_cast<Unsigned128>(value));
}

template <class T>
std::uint64_t saturated(Signed128 value) {
  const auto least = static_cast<Signed128>(std::numeric_limits<T>::min());
  const auto most = static_cast<Signed128>(std::numeric_limits<T>::max());
  return low(std::clamp(value, least, most));
}

/// Sums that take or leave a carry: to = a + b + carry, or a - b - borrow.
Action with_carry(Decoder& d, bool subtracts, bool takes_carry, bool leaves_carry) {
  const unsigned bits = bits_of(d.type());
  d.finish(3);
  const Destination to = d.destination(0);
  const Source a = d.source(1), b = d.source(2);
  const int carry = d.carry_register();
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      const auto left = static_cast<Unsigned128>(a.in(warp)[lane] & low_bits(bits));
      const auto right = static_cast<Unsigned128>(b.in(warp)[lane] & low_bits(bits));
      const Unsigned128 in = takes_carry ? warp.values(carry)[lane] : 0;
      const Unsigned128 result = subtracts ? left - right - in : left + right + in;
      to.in(warp)[lane] = static_cast<std::uint64_t>(result) & to.mask;
      if (leaves_carry) warp.values(carry)[lane] = static_cast<std::uint64_t>(result >> bits) & 1;
    });
    return true;
  };
}

template <bool subtracts>
Action make_sum(Decoder& d) {
  if (const Action action = make_float_binary(d, subtracts ? FloatBinary::sub : FloatBinary::add))
    return action;
  const bool saturates = d.take("sat");
  if (d.take("cc")) return with_carry(d, subtracts, false, true);
  const Type type = d.type();
  d.finish(3);
  return with_integer(d, type, [&]<class T>(T) {
    return binary(d.destination(0), d.source(1), d.source(2), [saturates](std::uint64_t a, std::uint64_t b) {
      const Signed128 sum = subtracts ? wide<T>(a) - wide<T>(b) : wide<T>(a) + wide<T>(b);
      return saturates ? saturated<T>(sum) : low(sum);
    });
  });
}

template <bool subtracts>
Action make_sum_with_carry(Decoder& d) {
  return with_carry(d, subtracts, true, d.take("cc"));
}

enum class Part { low, high, wide };

Part take_part(Decoder& d) {
  switch (d.take_one_of({"lo", "hi", "wide"})) {
    case 0:
      return Part::low;
    case 1:
      return Part::high;
    case 2:
      return Part::wide;
    default:
      d.unsupported("no .lo, .hi or .wide");
  }
}

template <class T>
std::uint64_t product_part(std::uint64_t a, std::uint64_t b, Part part) {
  if constexpr (std::is_same_v<T, std::uint64_t>) {
    const auto product = static_cast<Unsigned128>(a) * static_cast<Unsigned128>(b);
    return static_cast<std::uint64_t>(part == Part::high ? product >> 64 : product);
  } else {
    const Signed128 product = wide<T>(a) * wide<T>(b);
    return low(part == Part::high ? product >> (8 * sizeof(T)) : product);
  }
}

Action make_mul(Decoder& d) {
  if (const Action action = make_float_binary(d, FloatBinary::mul)) return action;
  const Part part = take_part(d);
  const Type type = d.type();
  d.finish(3);
  return with_integer(d, type, [&]<class T>(T) {
    return binary(d.destination(0), d.source(1), d.source(2),
                  [part](std::uint64_t a, std::uint64_t b) { return product_part<T>(a, b, part); });
  });
}

Action make_mad_with_carry(Decoder& d, bool takes_carry, Part part) {
  const bool leaves_carry = d.take("cc");
  const Type type = d.type();
  d.finish(4);
  const Destination to = d.destination(0);
  const Source a = d.source(1), b = d.source(2), c = d.source(3);
  const int carry = d.carry_register();
  return with_integer(d, type, [&]<class T>(T) -> Action {
    return [=](Warp& warp, Mask lanes) {
      constexpr unsigned bits = 8 * sizeof(T);
      each_lane(lanes, [&](unsigned lane) {
        const std::uint64_t product =
            product_part<T>(a.in(warp)[lane], b.in(warp)[lane], part) & low_bits(bits);
        const Unsigned128 sum = static_cast<Unsigned128>(product) + (c.in(warp)[lane] & low_bits(bits)) +
                                (takes_carry ? warp.values(carry)[lane] : 0);
        to.in(warp)[lane] = static_cast<std::uint64_t>(sum) & to.mask;
        if (leaves_carry) warp.values(carry)[lane] = static_cast<std::uint64_t>(sum >> bits) & 1;
      });
      return true;
    };
  });
}

Action make_mad(Decoder& d) {
  if (d.name() == "madc") return make_mad_with_carry(d, true, take_part(d));
  const Part part = take_part(d);
  if (d.instruction().opcode.find(".cc") != std::string::npos) return make_mad_with_carry(d, false, part);
  const bool saturates = d.take("sat");
  const Type type = d.type();
  d.finish(4);
  if (saturates && (part != Part::high || type != Type::s32)) d.unsupported("suffix .sat");
  return with_integer(d, type, [&]<class T>(T) {
    return ternary(d.destination(0), d.source(1), d.source(2), d.source(3),
                   [part, saturates](std::uint64_t a, std::uint64_t b, std::uint64_t c) {
                     const std::uint64_t product = product_part<T>(a, b, part);
                     return saturates ? saturated<T>(wide<T>(product) + wide<T>(c)) : product + c;
                   });
  });
}

template <class T>
std::uint64_t quotient(std::uint64_t a, std::uint64_t b) {
  if (static_cast<T>(b) == 0) throw Error("division by 0");
  return low(wide<T>(a) / wide<T>(b));
}

Action make_div(Decoder& d) {
  if (const Action action = make_float_division(d)) return action;
  const Type type = d.type();
  d.finish(3);
  return with_integer(
      d, type, [&]<class T>(T) { return binary(d.destination(0), d.source(1), d.source(2), quotient<T>); });
}

Action make_rem(Decoder& d) {
  const Type type = d.type();
  d.finish(3);
  return with_integer(d, type, [&]<class T>(T) {
    return binary(d.destination(0), d.source(1), d.source(2), [](std::uint64_t a, std::uint64_t b) {
      if (static_cast<T>(b) == 0) throw Error("remainder of a division by 0");
      return low(wide<T>(a) % wide<T>(b));
    });
  });
}

template <bool largest>
Action make_extreme(Decoder& d) {
  if (const Action action = make_float_binary(d, largest ? FloatBinary::max : FloatBinary::min))
    return action;
  const Type type = d.type();
  d.finish(3);
  return with_integer(d, type, [&]<class T>(T) {
    return binary(d.destination(0), d.source(1), d.source(2), [](std::uint64_t a, std::uint64_t b) {
      return (wide<T>(a) < wide<T>(b)) == largest ? b : a;
    });
  });
}

Action make_abs(Decoder& d) {
  if (const Action action = make_float_sign(d, FloatSign::abs)) return action;
  const Type type = d.type();
  d.finish(2);
  return with_integer(d, type, [&]<class T>(T) {
    return unary(d.destination(0), d.source(1),
                 [](std::uint64_t a) { return low(wide<T>(a) < 0 ? -wide<T>(a) : wide<T>(a)); });
  });
}

Action make_neg(Decoder& d) {
  if (const Action action = make_float_sign(d, FloatSign::neg)) return action;
  const Type type = d.type();
  d.finish(2);
  return with_integer(d, type, [&]<class T>(T) {
    return unary(d.destination(0), d.source(1), [](std::uint64_t a) { return low(-wide<T>(a)); });
  });
}

Action make_sad(Decoder& d) {
  const Type type = d.type();
  d.finish(4);
  return with_integer(d, type, [&]<class T>(T) {
    return ternary(d.destination(0), d.source(1), d.source(2), d.source(3),
                   [](std::uint64_t a, std::uint64_t b, std::uint64_t c) {
                     const Signed128 difference = wide<T>(a) - wide<T>(b);
                     return c + low(difference < 0 ? -difference : difference);
                   });
  });
}

Action make_dp4a(Decoder& d) {
  const bool a_signed = is_signed(d.type());
  const bool b_signed = is_signed(d.type());
  d.finish(4);
  const auto element = [](std::uint64_t word, unsigned i, bool with_sign) {
    const std::uint64_t byte = (word >> (8 * i)) & 0xFF;
    return with_sign ? sign_extended(byte, 8) : byte;
  };
  return ternary(d.destination(0), d.source(1), d.source(2), d.source(3),
                 [=](std::uint64_t a, std::uint64_t b, std::uint64_t c) {
                   for (unsigned i = 0; i < 4; ++i) c += element(a, i, a_signed) * element(b, i, b_signed);
                   return c;
                 });
}

}  // namespace

void add_integer_makers(Makers& makers) {
  makers["add"] = make_sum<false>;
  makers["sub"] = make_sum<true>;
  makers["addc"] = make_sum_with_carry<false>;
  makers["subc"] = make_sum_with_carry<true>;
  makers["mul"] = make_mul;
  makers["mad"] = make_mad;
  makers["madc"] = make_mad;
  makers["div"] = make_div;
  makers["rem"] = make_rem;
  makers["min"] = make_extreme<false>;
  makers["max"] = make_extreme<true>;
  makers["abs"] = make_abs;
  makers["neg"] = make_neg;
  makers["sad"] = make_sad;
  makers["dp4a"] = make_dp4a;
}

}  // namespace prophet::ptx
