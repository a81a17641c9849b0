#include <fmt/format.h>

#include "tests/ptx/decoder.hpp"

namespace prophet::ptx {
namespace {

Action make_bra(Decoder& d) {
  const bool is_uniform = d.take("uni");
  d.finish(1);
  d.set_moves();
  const std::uint32_t target = d.label(0);
  static_cast<void>(is_uniform);  // a promise to the compiler behind this text; nothing here depends on it
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) { warp.pc[lane] = target; });
    return true;
  };
}

Action make_brx(Decoder& d) {
  if (!d.take("idx")) d.unsupported("it is not brx.idx");
  d.take("uni");
  d.finish(2);
  d.set_moves();
  const auto table = d.kernel().function->branch_targets.find(d.operand(1).name);
  if (table == d.kernel().function->branch_targets.end()) d.unsupported("its table of targets");
  std::vector<std::uint32_t> targets;
  for (const std::string& label : table->second) targets.push_back(d.label_named(label));
  const Source index = d.source(0);
  return [=](Warp& warp, Mask lanes) {
    each_lane(lanes, [&](unsigned lane) {
      const std::uint64_t i = index.in(warp)[lane];
      if (i >= targets.size()) throw Error(fmt::format("branch to target {} of {}", i, targets.size()));
      warp.pc[lane] = targets[i];
    });
    return true;
  };
}

Action make_exit(Decoder& d) {
  d.take("uni");
  d.finish(0);
  d.set_moves();
  return [](Warp& warp, Mask lanes) {
    warp.block->exit(warp, lanes);
    return true;
  };
}

Action make_trap(Decoder& d) {
  d.finish(0);
  return [](Warp&, Mask) -> bool { throw Error("the kernel stopped itself"); };
}

Action make_nothing(Decoder& d) {
  d.finish(0, 1);
  return [](Warp&, Mask) { return true; };
}

/// Lanes of a warp that are at an aligned barrier must all be there; false while some are on their way.
bool is_whole(const Warp& warp, Mask lanes) {
  return lanes == (warp.live & ~warp.at_barrier);
}

std::size_t checked_count(std::uint64_t threads) {
  if (threads == 0 || threads % warp_lanes != 0) {
    throw Error(fmt::format("barrier for {} threads: expected a multiple of 32", threads));
  }
  return threads;
}

/// bar.sync and bar.arrive, with a number of threads or for all.
Action make_plain_barrier(Decoder& d, bool stays, bool aligned) {
  d.finish(1, 2);
  d.set_moves();
  const Source id = d.source(0);
  const bool counts = d.operand_count() == 2;
  if (!stays && !counts) d.unsupported("no number of threads");
  const Source count = counts ? d.source(1) : id;
  return [=](Warp& warp, Mask lanes) {
    if (aligned && !is_whole(warp, lanes)) return false;
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    const std::size_t expected = counts ? checked_count(count.in(warp)[lane]) : 0;
    warp.block->arrive(warp, lanes, static_cast<unsigned>(id.in(warp)[lane]), expected, stays, 0, {});
    return true;
  };
}

enum class Reduction { popc, all, any };

/// bar.red d, id, p: a barrier that tells all threads in how many of them p is true.
Action make_reduction(Decoder& d) {
  const int operation = d.take_one_of({"popc", "and", "or"});
  d.take_one_of({"u32", "pred"});
  d.finish(3);
  d.set_moves();
  if (operation < 0) d.unsupported("its operation");
  const auto reduction = static_cast<Reduction>(operation);
  const Destination to = d.destination(0);
  const Source id = d.source(1), predicate = d.source(2);
  return [=](Warp& warp, Mask lanes) {
    if (!is_whole(warp, lanes)) return false;
    std::size_t true_count = 0;
    each_lane(lanes, [&](unsigned lane) {
      if ((predicate.in(warp)[lane] != 0) != predicate.inverted) ++true_count;
    });
    const auto finish = [=](const Block::Barrier& barrier) {
      const std::uint64_t count = barrier.true_count;
      const std::uint64_t results[] = {count, count == barrier.arrived ? 1U : 0U, count != 0 ? 1U : 0U};
      for (const auto& party : barrier.parties) {
        each_lane(party.lanes, [&](unsigned lane) {
          to.in(*party.warp)[lane] = results[static_cast<int>(reduction)] & to.mask;
        });
      }
    };
    const auto lane = static_cast<unsigned>(std::countr_zero(lanes));
    warp.block->arrive(warp, lanes, static_cast<unsigned>(id.in(warp)[lane]), 0, true, true_count, finish);
    return true;
  };
}

/// bar.warp.sync: the lanes of a mask wait for each other, and see what the others wrote.
Action make_warp_barrier(Decoder& d) {
  d.take("sync");
  d.finish(1);
  const Source mask = d.source(0);
  return [=](Warp& warp, Mask lanes) {
    const auto members = static_cast<Mask>(mask.in(warp)[static_cast<unsigned>(std::countr_zero(lanes))]);
    each_lane(lanes, [&](unsigned lane) {
      if (((members >> lane) & 1) == 0) throw Error(fmt::format("lane {} is not in its own mask", lane));
    });
    if ((members & warp.live & ~lanes) != 0) return false;
    ++warp.seen[warp.index];
    return true;
  };
}

Action make_barrier(Decoder& d) {
  if (d.take("warp")) return make_warp_barrier(d);
  d.take("cta");
  const bool aligned = d.take("aligned") || d.name() == "bar";
  if (d.take("red")) return make_reduction(d);
  const int kind = d.take_one_of({"sync", "arrive"});
  if (kind < 0) d.unsupported("it is no sync, arrive or red");
  return make_plain_barrier(d, kind == 0, aligned);
}

}  // namespace

void add_control_makers(Makers& makers) {
  makers["bra"] = make_bra;
  makers["brx"] = make_brx;
  makers["ret"] = make_exit;  // of an entry; functions are not called
  makers["exit"] = make_exit;
  makers["trap"] = make_trap;
  makers["nanosleep"] = make_nothing;
  makers["bar"] = make_barrier;
  makers["barrier"] = make_barrier;
}

}  // namespace prophet::ptx
