#include "runtime/device/cuda/event_table.hpp"

#include <fmt/format.h>

#include <utility>

namespace prophet::cuda {

OwnedEvent::OwnedEvent(Status& status, unsigned flags) : status_(&status) {
  status.check(cudaEventCreateWithFlags(&event_, flags), "cudaEventCreateWithFlags", "create_event");
}

OwnedEvent::~OwnedEvent() {
  if (event_ == nullptr || status_->lost()) return;
  status_->note(cudaEventDestroy(event_), "cudaEventDestroy", "destroy_event");
}

void OwnedEvent::swap(OwnedEvent& other) noexcept {
  std::swap(status_, other.status_);
  std::swap(event_, other.event_);
}

EventId EventTable::create() {
  OwnedEvent event(status_, cudaEventDisableTiming);
  if (unused_.empty()) {
    unused_.reserve(events_.size() + 1);  // so that destroy never allocates
    events_.push_back(std::move(event));
    return EventId{static_cast<EventId::rep>(events_.size() - 1)};
  }
  const EventId id = unused_.back();
  unused_.pop_back();
  events_[id.index()] = std::move(event);
  return id;
}

void EventTable::destroy(EventId event) noexcept {
  if (event.index() >= events_.size() || events_[event.index()].get() == nullptr) return;
  const OwnedEvent leaving = std::move(events_[event.index()]);
  unused_.push_back(event);
}

cudaEvent_t EventTable::operator[](EventId event) const {
  if (event.index() < events_.size() && events_[event.index()].get() != nullptr)
    return events_[event.index()].get();
  throw Error(ErrorCode::usage,
              fmt::format("event {} does not exist, expected one that create_event gave and "
                          "destroy_event has not taken",
                          event.value));
}

}  // namespace prophet::cuda
