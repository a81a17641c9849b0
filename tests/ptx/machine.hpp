#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/ptx/memory.hpp"
#include "tests/ptx/module.hpp"
#include "tests/ptx/shared_memory.hpp"

namespace prophet::ptx {

/// Lanes of a warp, one bit each.
using Mask = std::uint32_t;
inline constexpr unsigned warp_lanes = 32;

template <class Visit>
void each_lane(Mask lanes, Visit&& visit) {
  for (; lanes != 0; lanes &= lanes - 1) visit(static_cast<unsigned>(std::countr_zero(lanes)));
}

struct Dim {
  unsigned x = 1, y = 1, z = 1;
  [[nodiscard]] std::size_t count() const { return std::size_t{x} * y * z; }
};

struct Launch {
  Dim grid;
  Dim block;
  std::size_t shared_bytes = 0;         ///< of dynamic shared memory
  std::vector<std::byte> parameters{};  ///< laid out as the kernel's .param list
  std::uint64_t seed = 0;               ///< of the order of blocks and warps
};

/// Generic addresses of shared memory and of parameters begin here, where no host memory lies.
inline constexpr std::uint64_t shared_window = 0xE000000000000000;
inline constexpr std::uint64_t parameter_window = 0xD000000000000000;
inline constexpr std::uint64_t window_bytes = 0x0000000100000000;

[[nodiscard]] constexpr bool is_in(std::uint64_t window, std::uint64_t address) {
  return address >= window && address - window < window_bytes;
}

class Block;

/// An asynchronous copy that was begun and not waited for.
struct PendingCopy {
  std::uint64_t to = 0;    ///< offset in shared memory
  std::uint64_t from = 0;  ///< global address
  unsigned bytes = 0;
  unsigned source_bytes = 0;  ///< the rest is filled with 0
};

/// One thread's asynchronous copies: closed groups, oldest first, and what is not yet in a group.
struct CopyQueue {
  std::vector<std::vector<PendingCopy>> groups;
  std::vector<PendingCopy> open;
};

/// 32 threads. Registers are vectors of 32 values; each lane has a program counter, and the lanes at the
/// smallest one go first, so that lanes meet again after a branch.
struct Warp {
  Block* block = nullptr;
  unsigned index = 0;
  Mask live = 0;        ///< lanes that have not exited
  Mask waiting = 0;     ///< live lanes at an instruction that other lanes of the warp must reach too
  Mask at_barrier = 0;  ///< live lanes in a barrier of the block
  std::array<std::uint32_t, warp_lanes> pc{};
  std::vector<std::uint64_t> registers;
  std::vector<std::uint32_t> seen;  ///< see Accessor
  std::array<CopyQueue, warp_lanes> copies;
  /// Lanes of registers that hold what nobody wrote to shared memory. Only a selection may read them, and
  /// only if it takes the other value.
  std::map<int, Mask> unwritten{};

  [[nodiscard]] std::uint64_t* values(int reg) { return registers.data() + std::size_t(reg) * warp_lanes; }
  [[nodiscard]] Accessor accessor(unsigned lane) const { return {index * warp_lanes + lane, index, &seen}; }
};

/// Does one instruction for lanes of a warp that stand at it and whose guard is true. False: they must wait
/// for other lanes, and it will be called again for more of them.
using Action = std::function<bool(Warp&, Mask)>;

struct Step {
  Action action{};
  int guard = -1;
  bool guard_inverted = false;
  bool moves = false;  ///< sets the lanes' program counters itself
  int line = 0;
  std::string opcode{};
  std::vector<int> reads{};  ///< registers
  std::vector<int> writes{};
  std::uint64_t executions = 0;  ///< how many warps did it
};

/// A function made ready to run.
struct Kernel {
  const Function* function = nullptr;
  std::vector<Step> steps{};
  std::size_t register_count = 0;
  std::map<std::uint64_t, int> constants{};  ///< a value, and the register that holds it in every lane
  int ignored_register = -1;                 ///< takes what `_` takes
  int carry_register = -1;                   ///< the condition code
  std::map<std::string, std::uint64_t, std::less<>> symbols{};  ///< variables and their addresses
  std::vector<std::pair<std::size_t, std::size_t>>
      shared_static{};  ///< bytes and alignment of its shared variables
};

/// The threads of one block, run to their end.
class Block {
 public:
  struct Barrier {
    std::size_t expected = 0;  ///< threads, or 0: all that live
    std::size_t arrived = 0;
    Step const* step = nullptr;
    struct Party {
      Warp* warp;
      Mask lanes;
      bool stays;  ///< blocks until all are here (sync), or went on (arrive)
    };
    std::vector<Party> parties{};
    std::function<void(const Barrier&)> finish{};  ///< gives the result of a reduction to all
    std::size_t true_count = 0;
  };

  Block(Kernel& kernel, const Launch& launch, Memory& memory, SharedMemory& shared);
  void run(Dim index, std::uint64_t seed);

  [[nodiscard]] SharedMemory& shared() { return shared_; }
  [[nodiscard]] Memory& memory() { return memory_; }
  [[nodiscard]] const std::vector<std::byte>& parameters() const { return launch_.parameters; }
  /// Lanes arrive at a barrier, and the last arrival lets all go on. `expected` 0: all live threads.
  void arrive(Warp& warp, Mask lanes, unsigned id, std::size_t expected, bool stays, std::size_t true_count,
              std::function<void(const Barrier&)> finish);
  void exit(Warp& warp, Mask lanes);
  /// Finishes the oldest groups of a lane's copies until `kept` groups are left.
  void finish_copies(Warp& warp, unsigned lane, std::size_t kept);

 private:
  void start(Dim index);
  void fill_special(Warp& warp, Dim index);
  bool step(Warp& warp);
  static void check_written(Warp& warp, const Step& step, Mask lanes);
  bool is_ready(const Warp& warp) const { return (warp.live & ~warp.waiting & ~warp.at_barrier) != 0; }
  void release_if_full(Barrier& barrier);
  [[nodiscard]] std::size_t live_threads() const;
  [[noreturn]] void fail(const Warp& warp, std::uint32_t pc, const std::string& why) const;
  [[noreturn]] void report_deadlock() const;

  Kernel& kernel_;
  const Launch& launch_;
  Memory& memory_;
  SharedMemory& shared_;
  Dim index_;
  std::vector<Warp> warps_;
  std::array<Barrier, 16> barriers_;
};

}  // namespace prophet::ptx
