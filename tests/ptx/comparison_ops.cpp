#include <cmath>
#include <string>

#include "tests/ptx/decoder.hpp"
#include "tests/ptx/float_arithmetic.hpp"

namespace prophet::ptx {
namespace {

/// What an ordered comparison found.
struct Order {
  bool less = false, equal = false, greater = false;  ///< none: a NaN took part
};

/// A comparison operator as the orders for which it is true.
struct Comparison {
  bool less = false, equal = false, greater = false, unordered = false;
  [[nodiscard]] bool holds(const Order& order) const {
    if (order.less) return less;
    if (order.equal) return equal;
    return order.greater ? greater : unordered;
  }
};

Comparison take_comparison(Decoder& d) {
  switch (d.take_one_of({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu",
                         "leu", "gtu", "geu", "num", "nan"})) {
    case 0:
      return {.equal = true};
    case 1:
      return {.less = true, .greater = true};
    case 2:
    case 6:
      return {.less = true};
    case 3:
    case 7:
      return {.less = true, .equal = true};
    case 4:
    case 8:
      return {.greater = true};
    case 5:
    case 9:
      return {.equal = true, .greater = true};
    case 10:
      return {.equal = true, .unordered = true};
    case 11:
      return {.less = true, .greater = true, .unordered = true};
    case 12:
      return {.less = true, .unordered = true};
    case 13:
      return {.less = true, .equal = true, .unordered = true};
    case 14:
      return {.greater = true, .unordered = true};
    case 15:
      return {.equal = true, .greater = true, .unordered = true};
    case 16:
      return {.less = true, .equal = true, .greater = true};
    case 17:
      return {.unordered = true};
    default:
      d.unsupported("its comparison");
  }
}

template <class T>
Order order_of(T a, T b) {
  return {a<b, a == b, a> b};
}

Order compare(const FloatModes& modes, std::uint64_t a, std::uint64_t b) {
  const Type type = modes.type;
  if (is_scalar_float(type) || is_float_pair(type)) return order_of(load(modes, a), load(modes, b));
  const unsigned bits = bits_of(type);
  if (is_signed(type)) {
    return order_of(static_cast<std::int64_t>(sign_extended(a, bits)),
                    static_cast<std::int64_t>(sign_extended(b, bits)));
  }
  return order_of(a & low_bits(bits), b & low_bits(bits));
}

/// A predicate that is joined to the result of a comparison.
enum class Join { none, with_and, with_or, with_xor };

bool join(Join how, bool result, bool other) {
  switch (how) {
    case Join::with_and:
      return result && other;
    case Join::with_or:
      return result || other;
    case Join::with_xor:
      return result != other;
    case Join::none:
      break;
  }
  return result;
}

struct Comparing {
  Comparison comparison;
  Join how = Join::none;
  FloatModes modes{};  ///< with the type, of whatever kind
  Source a{}, b{}, other{};

  [[nodiscard]] bool other_in(Warp& warp, unsigned lane) const {
    return how != Join::none && (other.in(warp)[lane] != 0) != other.inverted;
  }
};

/// Takes comparison, join and .ftz; the type that is compared must be the next one.
Comparing take_comparing(Decoder& d) {
  Comparing comparing{.comparison = take_comparison(d)};
  comparing.how = static_cast<Join>(d.take_one_of({"and", "or", "xor"}) + 1);
  comparing.modes.flushes = d.take("ftz");
  return comparing;
}

void take_sources(Decoder& d, Comparing& comparing) {
  d.finish(comparing.how == Join::none ? 3 : 4);
  comparing.a = d.source(1);
  comparing.b = d.source(2);
  if (comparing.how != Join::none) comparing.other = d.source(3);
}

Action make_setp(Decoder& d) {
  Comparing comparing = take_comparing(d);
  comparing.modes.type = d.type();
  take_sources(d, comparing);
  const Operand& result = d.operand(0);
  const bool both = result.kind == Operand::Kind::either;
  const Destination first = d.destination_of(both ? result.parts[0] : result);
  const Destination second = both ? d.destination_of(result.parts[1]) : first;
  const bool is_pair = is_float_pair(comparing.modes.type);
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      const std::uint64_t a = comparing.a.in(warp)[lane], b = comparing.b.in(warp)[lane];
      const bool other = comparing.other_in(warp, lane);
      const auto holds = [&](std::uint64_t x, std::uint64_t y) {
        return comparing.comparison.holds(compare(comparing.modes, x, y));
      };
      const bool low = is_pair ? holds(a & 0xFFFF, b & 0xFFFF) : holds(a, b);
      // The second destination: the other half of a pair, or the inverse.
      const bool high = is_pair ? holds(a >> 16, b >> 16) : !low;
      if (both) second.in(warp)[lane] = join(comparing.how, high, other) ? 1 : 0;
      first.in(warp)[lane] = join(comparing.how, low, other) ? 1 : 0;
    });
    return true;
  };
}

/// All ones, or 1.0, where a comparison holds.
std::uint64_t truth_of(Type type) {
  if (is_float_pair(type)) return encode(format_of(type), 1.0);
  return is_scalar_float(type) ? encode(format_of(type), 1.0) : ~std::uint64_t{0};
}

Action make_set(Decoder& d) {
  Comparing comparing = take_comparing(d);
  const Type result = d.type();
  comparing.modes.type = d.type();
  take_sources(d, comparing);
  const Destination to = d.destination(0);
  const std::uint64_t truth = truth_of(result);
  const bool is_pair = is_float_pair(comparing.modes.type);
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      const std::uint64_t a = comparing.a.in(warp)[lane], b = comparing.b.in(warp)[lane];
      const auto value = [&](std::uint64_t x, std::uint64_t y) {
        const bool holds = comparing.comparison.holds(compare(comparing.modes, x, y));
        return join(comparing.how, holds, comparing.other_in(warp, lane)) ? truth : 0;
      };
      to.in(warp)[lane] =
          (is_pair ? (value(a & 0xFFFF, b & 0xFFFF) & 0xFFFF) | (value(a >> 16, b >> 16) << 16)
                   : value(a, b)) &
          to.mask;
    });
    return true;
  };
}

Action make_selp(Decoder& d) {
  static_cast<void>(d.type());
  d.finish(4);
  const bool inverted = d.source(3).inverted;
  return ternary(
      d.destination(0), d.source(1), d.source(2), d.source(3),
      [=](std::uint64_t a, std::uint64_t b, std::uint64_t p) { return (p != 0) != inverted ? a : b; });
}

Action make_slct(Decoder& d) {
  const bool flushes = d.take("ftz");
  static_cast<void>(d.type());
  const Type by = d.type();
  d.finish(4);
  return ternary(d.destination(0), d.source(1), d.source(2), d.source(3),
                 [=](std::uint64_t a, std::uint64_t b, std::uint64_t c) {
                   const FloatModes modes{.type = by, .flushes = flushes};
                   const bool takes_first =
                       by == Type::f32 ? load(modes, c) >= 0 : (c & low_bits(32)) < 0x80000000U;
                   return takes_first ? a : b;
                 });
}

}  // namespace

void add_comparison_makers(Makers& makers) {
  makers["setp"] = make_setp;
  makers["set"] = make_set;
  makers["selp"] = make_selp;
  makers["slct"] = make_slct;
}

}  // namespace prophet::ptx
