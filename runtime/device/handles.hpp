#pragma once

#include <utility>

#include "runtime/device/device.hpp"

namespace prophet {

/// Owns one allocation of a Device, which must outlive it. Move-only; a moved-from owner is empty.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device& device, MemoryKind kind, std::uint64_t size_bytes)
      : device_(&device), view_(device.allocate(kind, size_bytes)) {}
  Buffer(Buffer&& other) noexcept
      : device_(std::exchange(other.device_, nullptr)), view_(std::exchange(other.view_, {})) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(view_, other.view_);
    return *this;
  }
  ~Buffer() {
    if (device_ != nullptr) device_->free(view_);
  }

  [[nodiscard]] const BufferView& view() const noexcept { return view_; }

 private:
  Device* device_ = nullptr;
  BufferView view_;
};

/// Owns one stream of a Device, which must outlive it.
class Stream {
 public:
  Stream(Device& device, StreamRole role) : device_(&device), id_(device.create_stream(role)) {}
  Stream(Stream&& other) noexcept : device_(std::exchange(other.device_, nullptr)), id_(other.id_) {}
  Stream& operator=(Stream&&) = delete;
  ~Stream() {
    if (device_ != nullptr) device_->destroy_stream(id_);
  }

  [[nodiscard]] StreamId id() const noexcept { return id_; }

 private:
  Device* device_;
  StreamId id_;
};

/// Owns one event of a Device, which must outlive it.
class Event {
 public:
  explicit Event(Device& device) : device_(&device), id_(device.create_event()) {}
  Event(Event&& other) noexcept : device_(std::exchange(other.device_, nullptr)), id_(other.id_) {}
  Event& operator=(Event&&) = delete;
  ~Event() {
    if (device_ != nullptr) device_->destroy_event(id_);
  }

  [[nodiscard]] EventId id() const noexcept { return id_; }

 private:
  Device* device_;
  EventId id_;
};

}  // namespace prophet
