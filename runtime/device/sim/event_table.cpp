#include "runtime/device/sim/event_table.hpp"

#include <fmt/format.h>

#include <utility>

#include "prophet/error.hpp"

namespace prophet::sim {

EventId EventTable::add() {
  if (free_.empty()) {
    if (slots_.size() >> slot_bits != 0) {
      throw Error(ErrorCode::out_of_memory,
                  fmt::format("create_event: {} events are alive, the most that the sim has", slots_.size()));
    }
    free_.reserve(slots_.size() + 1);
    slots_.emplace_back();
    free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot].live = true;
  return EventId{slots_[slot].generation << slot_bits | slot};
}

RecordIndex EventTable::remove(EventId event) noexcept {
  if (!knows(event)) return no_record;
  Slot& slot = slots_[slot_of(event)];
  slot.live = false;
  slot.generation = (slot.generation + 1) & ((1U << (32 - slot_bits)) - 1);
  free_.push_back(slot_of(event));
  return std::exchange(slot.record, no_record);
}

void EventTable::refuse(EventId event) {
  throw Error(ErrorCode::usage, fmt::format("event {} does not exist or has been destroyed", event.value));
}

}  // namespace prophet::sim
