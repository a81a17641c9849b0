#pragma once

#include <vector>

#include "runtime/device/cpu/operation.hpp"
#include "runtime/device/device.hpp"

namespace prophet::cpu {

/// The latest record of every live event. Ids of destroyed events are given out again.
/// Thread safety: none; belongs to the thread that calls the device (workers know tickets, not events).
class EventTable {
 public:
  [[nodiscard]] EventId create();
  /// Unknown events are ignored.
  void destroy(EventId event) noexcept;
  /// Where the event's latest record stands; a ticket that has always come when there is none. Throws
  /// Error{usage} for an event that does not exist.
  [[nodiscard]] Ticket& operator[](EventId event);

 private:
  struct Entry {
    Ticket latest;
    bool live = false;
  };

  std::vector<Entry> entries_;  // by EventId
  std::vector<EventId> unused_;
};

}  // namespace prophet::cpu
