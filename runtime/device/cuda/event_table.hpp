#pragma once

#include <cuda_runtime_api.h>

#include <vector>

#include "runtime/device/cuda/status.hpp"
#include "runtime/device/device.hpp"

namespace prophet::cuda {

/// Owns one event of CUDA; `flags` as cudaEventCreateWithFlags takes them. Move-only.
class OwnedEvent {
 public:
  OwnedEvent() = default;
  OwnedEvent(Status& status, unsigned flags);
  OwnedEvent(OwnedEvent&& other) noexcept { swap(other); }
  OwnedEvent& operator=(OwnedEvent&& other) noexcept {
    swap(other);
    return *this;
  }
  ~OwnedEvent();

  [[nodiscard]] cudaEvent_t get() const noexcept { return event_; }
  void swap(OwnedEvent& other) noexcept;

 private:
  Status* status_ = nullptr;
  cudaEvent_t event_ = nullptr;
};

/// The events of the seam. They carry no times, which makes recording and waiting cheaper. What an event
/// without a record says - done, and nobody waits for it - is what CUDA says of it. Ids of destroyed events
/// are given out again.
/// Thread safety: none; belongs to the thread that calls the device.
class EventTable {
 public:
  explicit EventTable(Status& status) : status_(status) {}

  [[nodiscard]] EventId create();
  /// Unknown events are ignored.
  void destroy(EventId event) noexcept;
  /// Throws Error{usage} for an event that does not exist.
  [[nodiscard]] cudaEvent_t operator[](EventId event) const;

 private:
  Status& status_;
  std::vector<OwnedEvent> events_;  // by EventId; empty: destroyed
  std::vector<EventId> unused_;
};

}  // namespace prophet::cuda
