#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/random.hpp"
#include "tests/ptx/machine.hpp"

namespace prophet::ptx {
namespace {

constexpr unsigned steps_per_turn_max = 48;

/// What special registers are to one thread.
std::uint64_t special_value(const std::string& name, Dim tid, Dim block, Dim ctaid, Dim grid, unsigned thread,
                            std::size_t dynamic_shared_bytes) {
  const unsigned lane = thread % warp_lanes;
  const auto axis = [&](const Dim& dim) {
    return name.back() == 'x' ? dim.x : name.back() == 'y' ? dim.y : dim.z;
  };
  if (name.starts_with("%tid.")) return axis(tid);
  if (name.starts_with("%ntid.")) return axis(block);
  if (name.starts_with("%ctaid.")) return axis(ctaid);
  if (name.starts_with("%nctaid.")) return axis(grid);
  if (name == "%laneid") return lane;
  if (name == "%warpid") return thread / warp_lanes;
  if (name == "%nwarpid") return (block.count() + warp_lanes - 1) / warp_lanes;
  if (name == "%dynamic_smem_size") return dynamic_shared_bytes;
  if (name == "%lanemask_eq") return std::uint64_t{1} << lane;
  if (name == "%lanemask_lt") return low_bits(lane);
  if (name == "%lanemask_le") return low_bits(lane + 1);
  if (name == "%lanemask_ge") return low_bits(32) & ~low_bits(lane);
  return low_bits(32) & ~low_bits(lane + 1);  // %lanemask_gt
}

}  // namespace

Block::Block(Kernel& kernel, const Launch& launch, Memory& memory, SharedMemory& shared)
    : kernel_(kernel), launch_(launch), memory_(memory), shared_(shared) {
  warps_.resize((launch.block.count() + warp_lanes - 1) / warp_lanes);
  for (std::size_t i = 0; i < warps_.size(); ++i) {
    Warp& warp = warps_[i];
    warp.block = this;
    warp.index = static_cast<unsigned>(i);
    warp.registers.assign(kernel.register_count * warp_lanes, 0);
    for (const auto& [value, reg] : kernel.constants) std::fill_n(warp.values(reg), warp_lanes, value);
  }
}

void Block::fill_special(Warp& warp, Dim index) {
  const auto& registers = kernel_.function->registers;
  for (std::size_t reg = 0; reg < registers.size(); ++reg) {
    const std::string& name = registers[reg].name;
    if (name.find('.') == std::string::npos && !name.starts_with("%lane") && !name.starts_with("%warp") &&
        !name.starts_with("%nwarp") && !name.starts_with("%dyn")) {
      continue;
    }
    for (unsigned lane = 0; lane < warp_lanes; ++lane) {
      const unsigned thread = warp.index * warp_lanes + lane;
      const Dim& block = launch_.block;
      const Dim tid{thread % block.x, thread / block.x % block.y, thread / block.x / block.y};
      warp.values(static_cast<int>(reg))[lane] =
          special_value(name, tid, block, index, launch_.grid, thread, launch_.shared_bytes);
    }
  }
}

void Block::start(Dim index) {
  index_ = index;
  shared_.reset();
  barriers_ = {};
  for (Warp& warp : warps_) {
    const std::size_t threads = launch_.block.count() - std::size_t{warp.index} * warp_lanes;
    warp.live =
        static_cast<Mask>(low_bits(static_cast<unsigned>(std::min<std::size_t>(threads, warp_lanes))));
    warp.waiting = warp.at_barrier = 0;
    warp.pc.fill(0);
    warp.seen.assign(warps_.size(), 1);
    warp.copies = {};
    warp.unwritten.clear();
    fill_special(warp, index);
  }
}

void Block::run(Dim index, std::uint64_t seed) {
  start(index);
  Random random(seed);
  std::vector<Warp*> ready;
  while (live_threads() != 0) {
    ready.clear();
    for (Warp& warp : warps_) {
      if (is_ready(warp)) ready.push_back(&warp);
    }
    if (ready.empty()) report_deadlock();
    Warp& warp = *ready[random.below(ready.size())];
    const std::uint64_t turns = 1 + random.below(steps_per_turn_max);
    for (std::uint64_t i = 0; i < turns && is_ready(warp); ++i) step(warp);
  }
}

void Block::check_written(Warp& warp, const Step& step, Mask lanes) {
  const bool selects = step.opcode.starts_with("selp");
  Mask result = 0;
  for (std::size_t i = 0; i < step.reads.size(); ++i) {
    const auto found = warp.unwritten.find(step.reads[i]);
    if (found == warp.unwritten.end()) continue;
    Mask used = found->second & lanes;
    if (selects && i < 2) {
      const std::uint64_t* predicate = warp.values(step.reads[2]);
      each_lane(used, [&](unsigned lane) {
        if ((predicate[lane] != 0) != (i == 0)) used &= ~(Mask{1} << lane);
      });
      result |= used;
    } else if (used != 0) {
      throw Error(
          fmt::format("lane {} uses a value of shared memory which nobody wrote", std::countr_zero(used)));
    }
  }
  for (const int reg : step.writes) {
    Mask& left = warp.unwritten[reg];
    left = (left & ~lanes) | result;
    if (left == 0) warp.unwritten.erase(reg);
  }
}

bool Block::step(Warp& warp) {
  const Mask ready = warp.live & ~warp.waiting & ~warp.at_barrier;
  std::uint32_t pc = ~std::uint32_t{0};
  each_lane(ready, [&](unsigned lane) { pc = std::min(pc, warp.pc[lane]); });
  Mask lanes = 0;
  each_lane(warp.live & ~warp.at_barrier, [&](unsigned lane) {
    if (warp.pc[lane] == pc) lanes |= Mask{1} << lane;
  });
  if (pc >= kernel_.steps.size()) fail(warp, pc - 1, "the function ends without ret or exit");
  Step& step = kernel_.steps[pc];
  Mask active = lanes;
  if (step.guard >= 0) {
    const std::uint64_t* guard = warp.values(step.guard);
    each_lane(lanes, [&](unsigned lane) {
      if ((guard[lane] != 0) == step.guard_inverted) active &= ~(Mask{1} << lane);
    });
  }
  each_lane(lanes & ~active, [&](unsigned lane) { ++warp.pc[lane]; });
  if (active == 0) return true;
  try {
    if (!warp.unwritten.empty()) check_written(warp, step, active);
    if (!step.action(warp, active)) {
      warp.waiting |= active;
      return false;
    }
  } catch (const Error& error) {
    fail(warp, pc, error.what());
  }
  ++step.executions;
  warp.waiting &= ~active;
  if (!step.moves) each_lane(active, [&](unsigned lane) { ++warp.pc[lane]; });
  return true;
}

std::size_t Block::live_threads() const {
  std::size_t threads = 0;
  for (const Warp& warp : warps_) threads += static_cast<std::size_t>(std::popcount(warp.live));
  return threads;
}

void Block::arrive(Warp& warp, Mask lanes, unsigned id, std::size_t expected, bool stays,
                   std::size_t true_count, std::function<void(const Barrier&)> finish) {
  if (id >= barriers_.size()) throw Error(fmt::format("barrier {} does not exist: expected at most 15", id));
  Barrier& barrier = barriers_[id];
  const Step* step = &kernel_.steps[warp.pc[static_cast<unsigned>(std::countr_zero(lanes))]];
  if (barrier.parties.empty()) {
    barrier = Barrier{.expected = expected, .step = step};
  } else if (barrier.expected != expected) {
    throw Error(fmt::format("barrier {} is awaited for {} threads and for {} at line {}", id, expected,
                            barrier.expected, barrier.step->line));
  } else if (expected == 0 && barrier.step != step) {
    throw Error(
        fmt::format("divergent barrier: other threads of the block wait in line {}", barrier.step->line));
  }
  // With a number of threads, a barrier counts whole warps.
  barrier.arrived += expected == 0 ? static_cast<std::size_t>(std::popcount(lanes)) : warp_lanes;
  barrier.true_count += true_count;
  barrier.parties.push_back({&warp, lanes, stays});
  if (finish) barrier.finish = std::move(finish);
  if (stays) {
    warp.at_barrier |= lanes;
  } else {
    each_lane(lanes, [&](unsigned lane) { ++warp.pc[lane]; });
  }
  release_if_full(barrier);
}

void Block::release_if_full(Barrier& barrier) {
  if (barrier.parties.empty()) return;
  const std::size_t expected = barrier.expected == 0 ? live_threads() : barrier.expected;
  if (barrier.arrived < expected) return;
  if (barrier.arrived > expected) {
    throw Error(fmt::format("{} threads arrived at a barrier for {}", barrier.arrived, expected));
  }
  if (barrier.finish) barrier.finish(barrier);
  std::vector<std::uint32_t> joined(warps_.size(), 0);
  for (const auto& party : barrier.parties) {
    ++party.warp->seen[party.warp->index];
    for (std::size_t i = 0; i < joined.size(); ++i) joined[i] = std::max(joined[i], party.warp->seen[i]);
  }
  for (const auto& party : barrier.parties) {
    if (!party.stays) continue;
    party.warp->seen = joined;
    party.warp->at_barrier &= ~party.lanes;
    each_lane(party.lanes, [&](unsigned lane) { ++party.warp->pc[lane]; });
  }
  barrier = {};
}

void Block::exit(Warp& warp, Mask lanes) {
  warp.live &= ~lanes;
  warp.waiting = 0;  // those who waited for these lanes look again
  for (Barrier& barrier : barriers_) {
    if (barrier.expected == 0) release_if_full(barrier);
  }
}

void Block::finish_copies(Warp& warp, unsigned lane, std::size_t kept) {
  auto& groups = warp.copies[lane].groups;
  while (groups.size() > kept) {
    for (const PendingCopy& copy : groups.front()) {
      std::array<std::byte, 16> bytes{};
      if (copy.source_bytes != 0) {
        std::memcpy(bytes.data(), memory_.read(copy.from, copy.bytes), copy.source_bytes);
      }
      shared_.write_copied(copy.to, bytes.data(), copy.bytes, warp.accessor(lane));
    }
    groups.erase(groups.begin());
  }
}

void Block::fail(const Warp& warp, std::uint32_t pc, const std::string& why) const {
  const Step& step = kernel_.steps.at(pc);
  throw Error(fmt::format("{}: line {}, {}: block ({}, {}, {}), warp {}: {}",
                          demangled(kernel_.function->name), step.line, step.opcode, index_.x, index_.y,
                          index_.z, warp.index, why));
}

void Block::report_deadlock() const {
  std::string who;
  const Warp* first = nullptr;
  for (const Warp& warp : warps_) {
    each_lane(warp.live, [&](unsigned lane) {
      if (first == nullptr) first = &warp;
      const std::string place = fmt::format(" line {}", kernel_.steps[warp.pc[lane]].line);
      if (who.find(place) == std::string::npos) {
        who += fmt::format("{}{} (warp {}, lane {})", who.empty() ? "" : ",", place, warp.index, lane);
      }
    });
  }
  const auto lane = static_cast<unsigned>(std::countr_zero(first->live));
  fail(*first, first->pc[lane], "threads wait for each other for ever, in" + who);
}

}  // namespace prophet::ptx
