#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "runtime/device/decorators/forwarding_device.hpp"

namespace prophet::testing {

/// Counts the buffers, streams and events that are alive on a device. Constructors that throw must leave
/// none.
class TallyDevice final : public ForwardingDevice {
 public:
  explicit TallyDevice(std::unique_ptr<Device> inner) : ForwardingDevice(std::move(inner)) {}

  [[nodiscard]] std::int64_t alive() const noexcept { return alive_; }

  [[nodiscard]] BufferView allocate(MemoryKind kind, std::uint64_t size_bytes) override {
    const BufferView view = ForwardingDevice::allocate(kind, size_bytes);
    ++alive_;
    return view;
  }
  void free(BufferView whole) noexcept override {
    ForwardingDevice::free(whole);
    --alive_;
  }
  [[nodiscard]] StreamId create_stream(StreamRole role) override {
    const StreamId stream = ForwardingDevice::create_stream(role);
    ++alive_;
    return stream;
  }
  void destroy_stream(StreamId stream) noexcept override {
    ForwardingDevice::destroy_stream(stream);
    --alive_;
  }
  [[nodiscard]] EventId create_event() override {
    const EventId event = ForwardingDevice::create_event();
    ++alive_;
    return event;
  }
  void destroy_event(EventId event) noexcept override {
    ForwardingDevice::destroy_event(event);
    --alive_;
  }

 private:
  std::int64_t alive_ = 0;
};

}  // namespace prophet::testing
