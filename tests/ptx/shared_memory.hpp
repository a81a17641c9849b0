#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/ptx/types.hpp"

namespace prophet::ptx {

/// Who accesses shared memory, and what happened before. Time of a warp passes at barriers and warp barriers;
/// `seen[w]` is how far of warp w's time this warp knows of.
struct Accessor {
  std::uint32_t thread = 0;
  std::uint32_t warp = 0;
  const std::vector<std::uint32_t>* seen = nullptr;
};

/// The shared memory of one block. Refused with Error: accesses outside of every variable, unaligned, to
/// bytes into which an asynchronous copy is still under way, atomic ones to bytes that nobody wrote, and
/// races: two threads access one byte, one of them changes it, and no barrier orders them.
class SharedMemory {
 public:
  /// Room for a variable; its offset. Between variables lie bytes that belong to none.
  std::size_t allocate(std::size_t bytes, std::size_t align);
  /// As at the start of a block.
  void reset();

  /// False when nobody wrote one of the bytes: compilers read ahead, so that only the use of the value is an
  /// error.
  bool read(std::uint64_t offset, void* to, std::size_t bytes, const Accessor& by);
  void write(std::uint64_t offset, const void* from, std::size_t bytes, const Accessor& by);
  /// Reads, calls `change` on the bytes and writes, without a race between such accesses.
  template <class Change>
  void change(std::uint64_t offset, std::size_t bytes, const Accessor& by, Change&& change) {
    check_atomic(offset, bytes, by);
    change(bytes_.data() + offset);
  }
  /// An asynchronous copy into these bytes begins: they may not be touched until `write_copied`.
  void begin_copy(std::uint64_t offset, std::size_t bytes, const Accessor& by);
  void write_copied(std::uint64_t offset, const void* from, std::size_t bytes, const Accessor& by);

 private:
  enum class State : std::uint8_t { outside, empty, written, copying };
  struct Access {
    std::uint32_t thread = 0;
    std::uint32_t time = 0;  ///< of the thread's warp, from 1 on; 0: no access
  };
  struct Byte {
    State state = State::outside;
    bool is_atomic = false;  ///< the last write
    Access writer;
    Access readers[2];  ///< the last ones, of two warps
  };

  void check_place(std::uint64_t offset, std::size_t bytes, const char* what) const;
  void check_atomic(std::uint64_t offset, std::size_t bytes, const Accessor& by);
  void check_written(std::uint64_t offset, const Byte& byte) const;
  void check_order(std::uint64_t offset, const Access& before, const Accessor& by, const char* what) const;
  static void note_reader(Byte& byte, const Accessor& by);

  std::vector<std::byte> bytes_;
  std::vector<Byte> shadow_;
  std::vector<State> first_states_;
};

}  // namespace prophet::ptx
