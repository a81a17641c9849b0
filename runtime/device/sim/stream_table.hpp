#pragma once

#include <array>
#include <cstdint>

#include "runtime/device/device.hpp"
#include "runtime/device/sim/vector_clock.hpp"

namespace prophet::sim {

/// The live streams, in a fixed number of slots. A StreamId is a slot and a generation of it, so that the id
/// of a destroyed stream is recognised.
class StreamTable {
 public:
  /// Throws Error{usage} when limits::streams_max streams are alive.
  [[nodiscard]] StreamId add();
  void remove(StreamId stream) noexcept;

  [[nodiscard]] bool knows(StreamId stream) const noexcept {
    const Slot& slot = slots_[stream.value % limits::streams_max];
    return slot.live && slot.generation == stream.value / limits::streams_max;
  }
  /// Throws Error{usage} for an unknown id.
  [[nodiscard]] StreamSlot slot_of(StreamId stream) const {
    if (!knows(stream)) refuse(stream);
    return stream.value % limits::streams_max;
  }

 private:
  struct Slot {
    std::uint32_t generation = 0;
    bool live = false;
  };
  [[noreturn]] static void refuse(StreamId stream);

  std::array<Slot, limits::streams_max> slots_{};
};

}  // namespace prophet::sim
