#include <cstring>

#include "tests/ptx/access.hpp"
#include "tests/ptx/decoder.hpp"
#include "tests/ptx/float_arithmetic.hpp"

namespace prophet::ptx {
namespace {

/// The new value of an atomic operation from the old one and its operands.
using Change = std::uint64_t (*)(Type type, std::uint64_t old, std::uint64_t b, std::uint64_t c);

std::uint64_t added(Type type, std::uint64_t old, std::uint64_t b, std::uint64_t) {
  if (type == Type::f64) return bits_of_f64(as_f64(old) + as_f64(b));
  if (!is_scalar_float(type) && !is_float_pair(type)) return old + b;
  const FloatModes modes{.type = type};
  return for_each_half(type, [&](std::uint64_t x, std::uint64_t y) {
    return store(modes, odd_sum(load(modes, x), load(modes, y)));
  })(old, b);
}

bool is_less(Type type, std::uint64_t a, std::uint64_t b) {
  const unsigned bits = bits_of(type);
  if (!is_signed(type)) return (a & low_bits(bits)) < (b & low_bits(bits));
  return static_cast<std::int64_t>(sign_extended(a, bits)) <
         static_cast<std::int64_t>(sign_extended(b, bits));
}

std::uint64_t lesser(Type type, std::uint64_t old, std::uint64_t b, std::uint64_t) {
  return is_less(type, b, old) ? b : old;
}
std::uint64_t greater(Type type, std::uint64_t old, std::uint64_t b, std::uint64_t) {
  return is_less(type, old, b) ? b : old;
}
std::uint64_t exchanged(Type, std::uint64_t, std::uint64_t b, std::uint64_t) {
  return b;
}
std::uint64_t swapped_if_equal(Type type, std::uint64_t old, std::uint64_t b, std::uint64_t c) {
  return old == (b & low_bits(bits_of(type))) ? c : old;
}
std::uint64_t both(Type, std::uint64_t old, std::uint64_t b, std::uint64_t) {
  return old & b;
}
std::uint64_t either(Type, std::uint64_t old, std::uint64_t b, std::uint64_t) {
  return old | b;
}
std::uint64_t differing(Type, std::uint64_t old, std::uint64_t b, std::uint64_t) {
  return old ^ b;
}
std::uint64_t counted_up(Type, std::uint64_t old, std::uint64_t b, std::uint64_t) {
  return old >= b ? 0 : old + 1;
}
std::uint64_t counted_down(Type, std::uint64_t old, std::uint64_t b, std::uint64_t) {
  return old == 0 || old > b ? b : old - 1;
}

struct Atomic {
  Change change = nullptr;
  Type type = Type::u32;
  Space space = Space::generic;
  Address address;
  Source b, c;
};

/// Does it for one lane; the old value.
std::uint64_t apply(const Atomic& atomic, Warp& warp, unsigned lane) {
  const std::size_t bytes = bits_of(atomic.type) / 8;
  const std::uint64_t address =
      atomic.address.base.in(warp)[lane] + static_cast<std::uint64_t>(atomic.address.offset);
  std::uint64_t old = 0;
  const auto change = [&](std::byte* place) {
    std::memcpy(&old, place, bytes);
    const std::uint64_t value =
        atomic.change(atomic.type, old, atomic.b.in(warp)[lane], atomic.c.in(warp)[lane]);
    std::memcpy(place, &value, bytes);
  };
  if (atomic.space == Space::shared || (atomic.space == Space::generic && is_in(shared_window, address))) {
    warp.block->shared().change(shared_offset(atomic.space, address), bytes, warp.accessor(lane), change);
  } else {
    static_cast<void>(warp.block->memory().read(address, bytes));
    change(warp.block->memory().write(address, bytes));
  }
  return old;
}

Change take_change(Decoder& d) {
  static constexpr Change changes[] = {added, lesser, greater,   exchanged,  swapped_if_equal,
                                       both,  either, differing, counted_up, counted_down};
  const int place = d.take_one_of({"add", "min", "max", "exch", "cas", "and", "or", "xor", "inc", "dec"});
  if (place < 0) d.unsupported("its operation");
  return changes[place];
}

Action make_atomic(Decoder& d) {
  const bool has_result = d.name() == "atom";
  Atomic atomic;
  atomic.space = take_space(d);
  take_strength(d);
  atomic.change = take_change(d);
  d.take("noftz");
  atomic.type = d.type();
  const std::size_t first = has_result ? 1 : 0;
  const bool swaps = atomic.change == swapped_if_equal;
  d.finish(first + (swaps ? 3 : 2));
  const bool is_min_or_max = atomic.change == lesser || atomic.change == greater;
  if (is_min_or_max && !is_integer(atomic.type)) d.unsupported("its type");
  atomic.address = d.address(first);
  atomic.b = d.source(first + 1);
  atomic.c = swaps ? d.source(first + 2) : atomic.b;
  const Destination to = has_result ? d.destination(0) : Destination{d.kernel().ignored_register, 0};
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) { to.in(warp)[lane] = apply(atomic, warp, lane) & to.mask; });
    return true;
  };
}

}  // namespace

void add_atomic_makers(Makers& makers) {
  makers["atom"] = make_atomic;
  makers["red"] = make_atomic;
}

}  // namespace prophet::ptx
