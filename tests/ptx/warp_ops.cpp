#include <fmt/format.h>

#include <algorithm>

#include "tests/ptx/decoder.hpp"

/// Instructions in which lanes of a warp exchange values.
namespace prophet::ptx {
namespace {

/// True when all live lanes of the lanes' mask are here; Error when their masks differ or one is not in its
/// own.
bool are_together(const Warp& warp, Mask lanes, const std::uint64_t* masks) {
  const auto members = static_cast<Mask>(masks[static_cast<unsigned>(std::countr_zero(lanes))]);
  each_lane(lanes, [&](unsigned lane) {
    if (static_cast<Mask>(masks[lane]) != members) {
      throw Error(fmt::format("lane {} has the mask {:#x}, another one {:#x}", lane, masks[lane], members));
    }
    if (((members >> lane) & 1) == 0) throw Error(fmt::format("lane {} is not in its own mask", lane));
  });
  return (members & warp.live & ~lanes) == 0;
}

enum class Shuffle { up, down, bfly, idx };

/// From which lane this one takes a value, by the formulas of shfl.
struct Origin {
  int lane;
  bool in_range;
};

Origin origin_of(Shuffle shuffle, int lane, std::uint64_t b, std::uint64_t c) {
  const int offset = static_cast<int>(b & 0x1F);
  const int segment = static_cast<int>((c >> 8) & 0x1F);
  const int clamp = static_cast<int>(c & 0x1F);
  const int most = (lane & segment) | (clamp & ~segment);
  const int least = lane & segment;
  int from = lane;
  bool in_range = false;
  switch (shuffle) {
    case Shuffle::up:
      from = lane - offset;
      in_range = from >= most;
      break;
    case Shuffle::down:
      from = lane + offset;
      in_range = from <= most;
      break;
    case Shuffle::bfly:
      from = lane ^ offset;
      in_range = from <= most;
      break;
    case Shuffle::idx:
      from = least | (offset & ~segment);
      in_range = from <= most;
      break;
  }
  return {in_range ? from : lane, in_range};
}

Action make_shfl(Decoder& d) {
  if (!d.take("sync")) d.unsupported("it is not shfl.sync");
  const int place = d.take_one_of({"up", "down", "bfly", "idx"});
  if (place < 0) d.unsupported("its direction");
  const auto shuffle = static_cast<Shuffle>(place);
  static_cast<void>(d.type());
  d.finish(5);
  const Operand& result = d.operand(0);
  const bool both = result.kind == Operand::Kind::either;
  const Destination to = d.destination_of(both ? result.parts[0] : result);
  const Destination in_range =
      both ? d.destination_of(result.parts[1]) : Destination{d.kernel().ignored_register, 1};
  const Source a = d.source(1), b = d.source(2), c = d.source(3), masks = d.source(4);
  return [=](Warp& warp, Mask lanes) {
    if (!are_together(warp, lanes, masks.in(warp))) return false;
    std::array<std::uint64_t, warp_lanes> before{};
    std::copy_n(a.in(warp), warp_lanes, before.begin());
    each_lane(lanes, [&](unsigned lane) {
      const Origin origin = origin_of(shuffle, static_cast<int>(lane), b.in(warp)[lane], c.in(warp)[lane]);
      if (((lanes >> origin.lane) & 1) == 0) {
        throw Error(
            fmt::format("lane {} takes the value of lane {}, which takes no part", lane, origin.lane));
      }
      to.in(warp)[lane] = before[static_cast<unsigned>(origin.lane)] & to.mask;
      in_range.in(warp)[lane] = origin.in_range ? 1 : 0;
    });
    return true;
  };
}

enum class Vote { all, any, uni, ballot };

Action make_vote(Decoder& d) {
  if (!d.take("sync")) d.unsupported("it is not vote.sync");
  const int place = d.take_one_of({"all", "any", "uni", "ballot"});
  if (place < 0) d.unsupported("its mode");
  const auto vote = static_cast<Vote>(place);
  static_cast<void>(d.type());
  d.finish(3);
  const Destination to = d.destination(0);
  const Source predicate = d.source(1), masks = d.source(2);
  return [=](Warp& warp, Mask lanes) {
    if (!are_together(warp, lanes, masks.in(warp))) return false;
    Mask yes = 0;
    each_lane(lanes, [&](unsigned lane) {
      if ((predicate.in(warp)[lane] != 0) != predicate.inverted) yes |= Mask{1} << lane;
    });
    const std::uint64_t results[] = {yes == lanes ? 1U : 0U, yes != 0 ? 1U : 0U,
                                     yes == lanes || yes == 0 ? 1U : 0U, yes};
    each_lane(lanes, [&](unsigned lane) { to.in(warp)[lane] = results[static_cast<int>(vote)] & to.mask; });
    return true;
  };
}

Action make_match(Decoder& d) {
  const bool wants_all = d.take_one_of({"any", "all"}) == 1;
  if (!d.take("sync")) d.unsupported("it is not match.sync");
  const unsigned bits = bits_of(d.type());
  d.finish(3);
  const Operand& result = d.operand(0);
  const bool both = result.kind == Operand::Kind::either;
  const Destination to = d.destination_of(both ? result.parts[0] : result);
  const Destination equal =
      both ? d.destination_of(result.parts[1]) : Destination{d.kernel().ignored_register, 1};
  const Source a = d.source(1), masks = d.source(2);
  return [=](Warp& warp, Mask lanes) {
    if (!are_together(warp, lanes, masks.in(warp))) return false;
    std::array<std::uint64_t, warp_lanes> values{};
    std::copy_n(a.in(warp), warp_lanes, values.begin());
    each_lane(lanes, [&](unsigned lane) {
      Mask same = 0;
      each_lane(lanes, [&](unsigned other) {
        if (((values[lane] ^ values[other]) & low_bits(bits)) == 0) same |= Mask{1} << other;
      });
      to.in(warp)[lane] = (wants_all && same != lanes ? 0 : same) & to.mask;
      equal.in(warp)[lane] = same == lanes ? 1 : 0;
    });
    return true;
  };
}

std::uint64_t reduced(int operation, Type type, std::uint64_t a, std::uint64_t b) {
  const auto less = [&] {
    return is_signed(type) ? static_cast<std::int32_t>(a) < static_cast<std::int32_t>(b) : a < b;
  };
  switch (operation) {
    case 0:
      return (a + b) & low_bits(32);
    case 1:
      return less() ? a : b;
    case 2:
      return less() ? b : a;
    case 3:
      return a & b;
    case 4:
      return a | b;
    default:
      return a ^ b;
  }
}

Action make_redux(Decoder& d) {
  if (!d.take("sync")) d.unsupported("it is not redux.sync");
  const int operation = d.take_one_of({"add", "min", "max", "and", "or", "xor"});
  const Type type = d.type();
  d.finish(3);
  if (operation < 0 || bits_of(type) != 32 || type == Type::f32) d.unsupported("its operation or type");
  const Destination to = d.destination(0);
  const Source a = d.source(1), masks = d.source(2);
  return [=](Warp& warp, Mask lanes) {
    if (!are_together(warp, lanes, masks.in(warp))) return false;
    const auto first = static_cast<unsigned>(std::countr_zero(lanes));
    std::uint64_t result = a.in(warp)[first];
    each_lane(lanes & (lanes - 1),
              [&](unsigned lane) { result = reduced(operation, type, result, a.in(warp)[lane]); });
    each_lane(lanes, [&](unsigned lane) { to.in(warp)[lane] = result & to.mask; });
    return true;
  };
}

/// The lanes that are here now: like the hardware's answer, one of several that are allowed.
Action make_activemask(Decoder& d) {
  static_cast<void>(d.type());
  d.finish(1);
  const Destination to = d.destination(0);
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) { to.in(warp)[lane] = lanes; });
    return true;
  };
}

/// Names one lane of the mask: the first.
Action make_elect(Decoder& d) {
  if (!d.take("sync")) d.unsupported("it is not elect.sync");
  d.finish(2);
  const Operand& result = d.operand(0);
  if (result.kind != Operand::Kind::either) d.unsupported("its destination");
  const Destination to = d.destination_of(result.parts[0]), chosen = d.destination_of(result.parts[1]);
  const Source masks = d.source(1);
  return [=](Warp& warp, Mask lanes) {
    if (!are_together(warp, lanes, masks.in(warp))) return false;
    const auto first = static_cast<unsigned>(std::countr_zero(lanes));
    each_lane(lanes, [&](unsigned lane) {
      to.in(warp)[lane] = first;
      chosen.in(warp)[lane] = lane == first ? 1 : 0;
    });
    return true;
  };
}

}  // namespace

void add_warp_makers(Makers& makers) {
  makers["shfl"] = make_shfl;
  makers["vote"] = make_vote;
  makers["match"] = make_match;
  makers["redux"] = make_redux;
  makers["activemask"] = make_activemask;
  makers["elect"] = make_elect;
}

}  // namespace prophet::ptx
