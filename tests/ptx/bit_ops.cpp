#include <algorithm>
#include <bit>

#include "tests/ptx/decoder.hpp"

namespace prophet::ptx {
namespace {

enum class Logic { bit_and, bit_or, bit_xor };

template <Logic logic>
Action make_logic(Decoder& d) {
  static_cast<void>(d.type());
  d.finish(3);
  return binary(d.destination(0), d.source(1), d.source(2), [](std::uint64_t a, std::uint64_t b) {
    return logic == Logic::bit_and ? a & b : logic == Logic::bit_or ? a | b : a ^ b;
  });
}

Action make_not(Decoder& d) {
  static_cast<void>(d.type());
  d.finish(2);
  return unary(d.destination(0), d.source(1), [](std::uint64_t a) { return ~a; });
}

Action make_cnot(Decoder& d) {
  const unsigned bits = bits_of(d.type());
  d.finish(2);
  return unary(d.destination(0), d.source(1),
               [=](std::uint64_t a) -> std::uint64_t { return (a & low_bits(bits)) == 0 ? 1 : 0; });
}

Action make_shl(Decoder& d) {
  const unsigned bits = bits_of(d.type());
  d.finish(3);
  return binary(d.destination(0), d.source(1), d.source(2), [=](std::uint64_t a, std::uint64_t b) {
    const std::uint64_t count = b & low_bits(32);
    return count >= bits ? 0 : a << count;
  });
}

Action make_shr(Decoder& d) {
  const Type type = d.type();
  const unsigned bits = bits_of(type);
  d.finish(3);
  return binary(d.destination(0), d.source(1), d.source(2),
                [=](std::uint64_t a, std::uint64_t b) -> std::uint64_t {
                  const std::uint64_t count = std::min<std::uint64_t>(b & low_bits(32), bits);
                  if (is_signed(type)) {
                    const auto value = static_cast<std::int64_t>(sign_extended(a, bits));
                    return static_cast<std::uint64_t>(value >> std::min<std::uint64_t>(count, 63));
                  }
                  return count >= bits ? 0 : (a & low_bits(bits)) >> count;
                });
}

/// A window of 32 bits out of the 64 of {b, a}.
Action make_shf(Decoder& d) {
  const bool left = d.take_one_of({"l", "r"}) == 0;
  const bool wraps = d.take_one_of({"clamp", "wrap"}) == 1;
  static_cast<void>(d.type());
  d.finish(4);
  return ternary(d.destination(0), d.source(1), d.source(2), d.source(3),
                 [=](std::uint64_t a, std::uint64_t b, std::uint64_t c) {
                   const std::uint64_t all = (b << 32) | (a & low_bits(32));
                   const std::uint64_t asked = c & low_bits(32);
                   const std::uint64_t count = wraps ? asked & 31 : std::min<std::uint64_t>(asked, 32);
                   return left ? all >> (32 - count) : all >> count;
                 });
}

Action make_lop3(Decoder& d) {
  static_cast<void>(d.type());
  d.finish(5);
  const std::uint64_t table = d.operand(4).bits;
  return ternary(d.destination(0), d.source(1), d.source(2), d.source(3),
                 [=](std::uint64_t a, std::uint64_t b, std::uint64_t c) {
                   std::uint64_t result = 0;
                   for (unsigned i = 0; i < 8; ++i) {
                     if (((table >> i) & 1) == 0) continue;
                     result |= ((i & 4) != 0 ? a : ~a) & ((i & 2) != 0 ? b : ~b) & ((i & 1) != 0 ? c : ~c);
                   }
                   return result;
                 });
}

/// The selectors of prmt's modes that are given by the two low bits of c alone.
std::uint64_t prmt_selectors(int mode, std::uint64_t c) {
  static constexpr std::uint64_t tables[6][4] = {
      {0x3210, 0x4321, 0x5432, 0x6543},  // f4e
      {0x5670, 0x6701, 0x7012, 0x0123},  // b4e
      {0x0000, 0x1111, 0x2222, 0x3333},  // rc8
      {0x3210, 0x3211, 0x3222, 0x3333},  // ecl
      {0x0000, 0x1110, 0x2210, 0x3210},  // ecr
      {0x1010, 0x3232, 0x1010, 0x3232},  // rc16
  };
  return tables[mode][c & 3];
}

Action make_prmt(Decoder& d) {
  static_cast<void>(d.type());
  const int mode = d.take_one_of({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
  d.finish(4);
  return ternary(d.destination(0), d.source(1), d.source(2), d.source(3),
                 [=](std::uint64_t a, std::uint64_t b, std::uint64_t c) {
                   const std::uint64_t all = (b << 32) | (a & low_bits(32));
                   const std::uint64_t selectors = mode < 0 ? c : prmt_selectors(mode, c);
                   std::uint64_t result = 0;
                   for (unsigned i = 0; i < 4; ++i) {
                     const std::uint64_t selector = (selectors >> (4 * i)) & 0xF;
                     std::uint64_t byte = (all >> (8 * (selector & 7))) & 0xFF;
                     if ((selector & 8) != 0) byte = (byte & 0x80) != 0 ? 0xFF : 0;
                     result |= byte << (8 * i);
                   }
                   return result;
                 });
}

Action make_bfe(Decoder& d) {
  const Type type = d.type();
  const unsigned bits = bits_of(type);
  d.finish(4);
  return ternary(
      d.destination(0), d.source(1), d.source(2), d.source(3),
      [=](std::uint64_t a, std::uint64_t b, std::uint64_t c) -> std::uint64_t {
        const auto begin = static_cast<unsigned>(b & 0xFF), count = static_cast<unsigned>(c & 0xFF);
        if (count == 0) return 0;
        const std::uint64_t value = is_signed(type) ? sign_extended(a, bits) : a & low_bits(bits);
        const std::uint64_t field =
            is_signed(type)
                ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value) >> std::min(begin, 63U))
                : (begin >= 64 ? 0 : value >> begin);
        if (!is_signed(type)) return field & low_bits(count);
        return count >= 64 ? field : sign_extended(field, count);
      });
}

Action make_bfi(Decoder& d) {
  const unsigned bits = bits_of(d.type());
  d.finish(5);
  const Destination to = d.destination(0);
  const Source a = d.source(1), b = d.source(2), c = d.source(3), e = d.source(4);
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      const auto begin = static_cast<unsigned>(c.in(warp)[lane] & 0xFF);
      const auto count = static_cast<unsigned>(e.in(warp)[lane] & 0xFF);
      const std::uint64_t field = begin >= bits ? 0 : low_bits(count) << begin;
      const std::uint64_t value = begin >= bits ? 0 : a.in(warp)[lane] << begin;
      to.in(warp)[lane] = ((b.in(warp)[lane] & ~field) | (value & field)) & to.mask;
    });
    return true;
  };
}

Action make_popc(Decoder& d) {
  const unsigned bits = bits_of(d.type());
  d.finish(2);
  return unary(d.destination(0), d.source(1), [=](std::uint64_t a) {
    return static_cast<std::uint64_t>(std::popcount(a & low_bits(bits)));
  });
}

Action make_clz(Decoder& d) {
  const unsigned bits = bits_of(d.type());
  d.finish(2);
  return unary(d.destination(0), d.source(1), [=](std::uint64_t a) {
    return static_cast<std::uint64_t>(std::countl_zero(a & low_bits(bits))) - (64 - bits);
  });
}

Action make_brev(Decoder& d) {
  const unsigned bits = bits_of(d.type());
  d.finish(2);
  return unary(d.destination(0), d.source(1), [=](std::uint64_t a) {
    std::uint64_t result = 0;
    for (unsigned i = 0; i < bits; ++i) result |= ((a >> i) & 1) << (bits - 1 - i);
    return result;
  });
}

/// The place of the highest bit that differs from the sign.
Action make_bfind(Decoder& d) {
  const bool as_shift = d.take("shiftamt");
  const Type type = d.type();
  const unsigned bits = bits_of(type);
  d.finish(2);
  return unary(d.destination(0), d.source(1), [=](std::uint64_t a) -> std::uint64_t {
    std::uint64_t value = is_signed(type) ? sign_extended(a, bits) : a;
    if (is_signed(type) && static_cast<std::int64_t>(value) < 0) value = ~value;
    value &= low_bits(bits);
    if (value == 0) return ~std::uint64_t{0};
    const auto place = static_cast<std::uint64_t>(63 - std::countl_zero(value));
    return as_shift ? bits - 1 - place : place;
  });
}

Action make_bmsk(Decoder& d) {
  const bool wraps = d.take_one_of({"clamp", "wrap"}) == 1;
  static_cast<void>(d.type());
  d.finish(3);
  return binary(d.destination(0), d.source(1), d.source(2), [=](std::uint64_t a, std::uint64_t b) {
    const std::uint64_t begin = wraps ? a & 31 : std::min<std::uint64_t>(a, 32);
    const std::uint64_t count = wraps ? b & 31 : std::min<std::uint64_t>(b, 32);
    return low_bits(static_cast<unsigned>(count)) << begin;
  });
}

}  // namespace

void add_bit_makers(Makers& makers) {
  makers["and"] = make_logic<Logic::bit_and>;
  makers["or"] = make_logic<Logic::bit_or>;
  makers["xor"] = make_logic<Logic::bit_xor>;
  makers["not"] = make_not;
  makers["cnot"] = make_cnot;
  makers["shl"] = make_shl;
  makers["shr"] = make_shr;
  makers["shf"] = make_shf;
  makers["lop3"] = make_lop3;
  makers["prmt"] = make_prmt;
  makers["bfe"] = make_bfe;
  makers["bfi"] = make_bfi;
  makers["popc"] = make_popc;
  makers["clz"] = make_clz;
  makers["brev"] = make_brev;
  makers["bfind"] = make_bfind;
  makers["bmsk"] = make_bmsk;
}

}  // namespace prophet::ptx
