#pragma once

#include <cstdint>

#include "runtime/device/handles.hpp"
#include "runtime/memory/arena.hpp"

namespace prophet {

/// The arena of slabs in device memory: where experts are while they are resident. Owns it; the device must
/// outlive it.
class SlabMemory {
 public:
  /// Throws Error{out_of_memory} when the device cannot hold it.
  SlabMemory(Device& device, std::uint64_t expert_bytes, std::uint32_t slabs)
      : arena_(Arena::plan(expert_bytes, slabs)), bytes_(device, MemoryKind::device, arena_.total_bytes()) {}

  [[nodiscard]] const Arena& arena() const noexcept { return arena_; }
  [[nodiscard]] const BufferView& bytes() const noexcept { return bytes_.view(); }

 private:
  Arena arena_;
  Buffer bytes_;
};

}  // namespace prophet
