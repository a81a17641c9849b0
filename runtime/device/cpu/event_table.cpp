#include "runtime/device/cpu/event_table.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"

namespace prophet::cpu {

EventId EventTable::create() {
  if (unused_.empty()) {
    entries_.push_back({{}, true});
    unused_.reserve(entries_.capacity());  // so that destroy never allocates
    return EventId{static_cast<EventId::rep>(entries_.size() - 1)};
  }
  const EventId event = unused_.back();
  unused_.pop_back();
  entries_[event.index()] = {{}, true};
  return event;
}

void EventTable::destroy(EventId event) noexcept {
  if (event.index() >= entries_.size() || !entries_[event.index()].live) return;
  entries_[event.index()].live = false;
  unused_.push_back(event);
}

Ticket& EventTable::operator[](EventId event) {
  if (event.index() < entries_.size() && entries_[event.index()].live) return entries_[event.index()].latest;
  throw Error(ErrorCode::usage,
              fmt::format("event {} does not exist, expected one that create_event gave and "
                          "destroy_event has not taken",
                          event.value));
}

}  // namespace prophet::cpu
