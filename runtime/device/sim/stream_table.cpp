#include "runtime/device/sim/stream_table.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"

namespace prophet::sim {

StreamId StreamTable::add() {
  for (StreamSlot index = 0; index < slots_.size(); ++index) {
    if (slots_[index].live) continue;
    slots_[index].live = true;
    return StreamId{slots_[index].generation * limits::streams_max + index};
  }
  throw Error(ErrorCode::usage, fmt::format("create_stream: {} streams are alive, the most that a device has",
                                            limits::streams_max));
}

void StreamTable::remove(StreamId stream) noexcept {
  if (!knows(stream)) return;
  Slot& slot = slots_[stream.value % limits::streams_max];
  slot.live = false;
  slot.generation = (slot.generation + 1) % (~std::uint32_t{0} / limits::streams_max);
}

void StreamTable::refuse(StreamId stream) {
  throw Error(ErrorCode::usage, fmt::format("stream {} does not exist or has been destroyed", stream.value));
}

}  // namespace prophet::sim
