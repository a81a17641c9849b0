#include "tests/cuda_on_cpu/simt/warp.hpp"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <string>

#include "tests/cuda_on_cpu/simt/block.hpp"
#include "tests/cuda_on_cpu/simt/device_interface.hpp"
#include "tests/cuda_on_cpu/simt/failure.hpp"

namespace prophet::simt {
namespace {

using Kind = WarpOperationKind;

constexpr std::uint64_t poison_bits = ~std::uint64_t{0};

unsigned lowest_lane(unsigned mask) {
  return static_cast<unsigned>(std::countr_zero(mask));
}

std::string hexadecimal(unsigned mask) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", mask);
  return text;
}

/// The lanes of a mask that have arrived together at one warp primitive.
class Meeting {
 public:
  Meeting(Block& block, unsigned warp, unsigned mask) : block_(block), first_rank_(warp * 32), mask_(mask) {}

  void check_alike(Kind kind) {
    for_each([&](CudaThread& thread) {
      const WarpOperation& operation = thread.warp_operation;
      if (operation.kind == kind && operation.mask == mask_) return;
      fail(block_, std::string("divergent warp primitives: ") + name_of(kind) + " of lanes " +
                       hexadecimal(mask_) + " meets " + name_of(operation.kind) + " of lanes " +
                       hexadecimal(operation.mask));
    });
  }

  void resolve(Kind kind) {
    if (kind == Kind::shuffle) return for_each([&](CudaThread& thread) { shuffle(thread); });
    if (kind == Kind::match_any) return for_each([&](CudaThread& thread) { match(thread); });
    if (kind == Kind::match_all) return match_all();
    const std::uint64_t result = reduce(kind);
    for_each([&](CudaThread& thread) { thread.warp_operation.result = result; });
  }

  template <class Function>
  void for_each(Function function) {
    for (unsigned left = mask_; left != 0; left &= left - 1) function(lane(lowest_lane(left)));
  }

 private:
  CudaThread& lane(unsigned number) { return block_.thread(first_rank_ + number); }

  void shuffle(CudaThread& thread) {
    WarpOperation& operation = thread.warp_operation;
    const unsigned source = operation.source_lane;
    if ((mask_ >> source & 1U) != 0) {
      operation.result = lane(source).warp_operation.bits;
    } else if ((block_.lanes_of(thread.warp()) >> source & 1U) == 0) {
      operation.result = poison_bits;  // the last warp is partial: undefined on a device
    } else {
      fail(block_, "lane " + std::to_string(thread.lane()) + " shuffles from lane " + std::to_string(source) +
                       ", which is not in its mask " + hexadecimal(mask_));
    }
  }

  void match(CudaThread& thread) {
    unsigned equal = 0;
    for_each([&](CudaThread& other) {
      if (other.warp_operation.bits == thread.warp_operation.bits) equal |= 1U << other.lane();
    });
    thread.warp_operation.result = equal;
  }

  void match_all() {
    const std::uint64_t first = lane(lowest_lane(mask_)).warp_operation.bits;
    bool equal = true;
    for_each([&](CudaThread& thread) { equal = equal && thread.warp_operation.bits == first; });
    for_each([&](CudaThread& thread) { thread.warp_operation.result = equal ? mask_ : 0; });
  }

  std::uint64_t reduce(Kind kind) {
    std::uint64_t result = kind == Kind::ballot ? 0 : lane(lowest_lane(mask_)).warp_operation.bits;
    bool first = true;
    for_each([&](CudaThread& thread) {
      const std::uint64_t bits = thread.warp_operation.bits;
      if (kind == Kind::ballot) {
        result |= bits << thread.lane();
      } else if (!first) {
        result = combine(kind, result, bits);
      }
      first = false;
    });
    return result;
  }

  static std::uint64_t combine(Kind kind, std::uint64_t left, std::uint64_t right) {
    const auto a = static_cast<std::uint32_t>(left);
    const auto b = static_cast<std::uint32_t>(right);
    const auto signed_a = static_cast<std::int32_t>(a);
    const auto signed_b = static_cast<std::int32_t>(b);
    switch (kind) {
      case Kind::add:
        return a + b;
      case Kind::minimum_signed:
        return static_cast<std::uint32_t>(std::min(signed_a, signed_b));
      case Kind::maximum_signed:
        return static_cast<std::uint32_t>(std::max(signed_a, signed_b));
      case Kind::minimum_unsigned:
        return std::min(a, b);
      case Kind::maximum_unsigned:
        return std::max(a, b);
      case Kind::all:
      case Kind::bitwise_and:
        return a & b;
      case Kind::any:
      case Kind::bitwise_or:
        return a | b;
      case Kind::bitwise_xor:
        return a ^ b;
      default:
        return 0;
    }
  }

  Block& block_;
  unsigned first_rank_;
  unsigned mask_;
};

void check_mask(Block& block, const CudaThread& thread, Kind kind, unsigned mask) {
  const Warp& warp = block.warp(thread.warp());
  if ((mask >> thread.lane() & 1U) == 0) {
    fail(block, std::string(name_of(kind)) + " by lane " + std::to_string(thread.lane()) +
                    ", which is not in its own mask " + hexadecimal(mask));
  }
  if ((mask & warp.exited) != 0) {
    fail(block, std::string(name_of(kind)) + " with mask " + hexadecimal(mask) + " names exited lanes " +
                    hexadecimal(mask & warp.exited));
  }
}

}  // namespace

const char* name_of(WarpOperationKind kind) {
  static constexpr const char* names[] = {"__shfl_sync",       "__ballot_sync",     "__all_sync",
                                          "__any_sync",        "__match_any_sync",  "__match_all_sync",
                                          "__syncwarp",        "__reduce_add_sync", "__reduce_min_sync",
                                          "__reduce_max_sync", "__reduce_min_sync", "__reduce_max_sync",
                                          "__reduce_and_sync", "__reduce_or_sync",  "__reduce_xor_sync"};
  return names[static_cast<unsigned>(kind)];
}

void note_exit(Block& block, const CudaThread& thread) {
  Warp& warp = block.warp(thread.warp());
  warp.exited |= 1U << thread.lane();
  for (unsigned left = warp.waiting; left != 0; left &= left - 1) {
    const CudaThread& other = block.thread(thread.warp() * 32 + lowest_lane(left));
    if ((other.warp_operation.mask >> thread.lane() & 1U) == 0) continue;
    fail(block, "lane " + std::to_string(thread.lane()) + " exits, but lane " + std::to_string(other.lane()) +
                    " waits for it at " + name_of(other.warp_operation.kind));
  }
}

std::uint64_t synchronise_warp(Kind kind, unsigned mask, std::uint64_t bits, unsigned source_lane,
                               const char* file, unsigned line) {
  if (Block::current() == nullptr) fail(std::string(name_of(kind)) + " was called outside of a kernel");
  Block& block = *Block::current();
  CudaThread& thread = block.running();
  Warp& warp = block.warp(thread.warp());
  mask &= block.lanes_of(thread.warp());  // lanes that a partial last warp lacks do not count, as on a device
  check_mask(block, thread, kind, mask);
  const unsigned lead = lowest_lane(mask);
  // Only __syncwarp orders memory; a shuffle does not.
  Tag& tag = warp.tags[lead][warp.generation[lead] % 2];
  if (kind == Kind::synchronise) release(tag);
  thread.warp_operation = {kind, mask, source_lane, bits, 0};
  thread.state = ThreadState::at_warp_operation;
  thread.waits_at = {file, line};
  warp.waiting |= 1U << thread.lane();
  if ((warp.waiting & mask) == mask) {
    Meeting meeting(block, thread.warp(), mask);
    meeting.check_alike(kind);
    meeting.resolve(kind);
    warp.waiting &= ~mask;
    ++warp.generation[lead];
    meeting.for_each([&](CudaThread& other) { block.make_runnable(other); });
  }
  block.suspend();
  if (kind == Kind::synchronise) acquire(tag);
  return thread.warp_operation.result;
}

}  // namespace prophet::simt
