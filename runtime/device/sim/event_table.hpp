#pragma once

#include <cstdint>
#include <vector>

#include "runtime/device/device.hpp"
#include "runtime/device/sim/records.hpp"

namespace prophet::sim {

/// The live events and each one's latest record. An EventId is a slot and a generation of it, so that the id
/// of a destroyed event is recognised.
class EventTable {
 public:
  /// Throws Error{out_of_memory} beyond 2^24 live events.
  [[nodiscard]] EventId add();
  /// Returns the record that the event held, or no_record; an unknown id changes nothing.
  RecordIndex remove(EventId event) noexcept;

  /// The event's latest record, or no_record. Throws Error{usage} for an unknown id.
  [[nodiscard]] RecordIndex& record_of(EventId event) {
    if (!knows(event)) refuse(event);
    return slots_[slot_of(event)].record;
  }

 private:
  static constexpr std::uint32_t slot_bits = 24;
  struct Slot {
    RecordIndex record = no_record;
    std::uint32_t generation = 0;
    bool live = false;
  };

  static std::uint32_t slot_of(EventId event) noexcept { return event.value & ((1U << slot_bits) - 1); }
  [[nodiscard]] bool knows(EventId event) const noexcept {
    const std::uint32_t slot = slot_of(event);
    return slot < slots_.size() && slots_[slot].live && slots_[slot].generation == event.value >> slot_bits;
  }
  [[noreturn]] static void refuse(EventId event);

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace prophet::sim
