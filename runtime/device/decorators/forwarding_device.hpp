#pragma once

#include <memory>
#include <utility>

#include "runtime/device/device.hpp"
#include "runtime/device/resident_step.hpp"

namespace prophet {

/// A Device that hands every call to another, which it owns: the base of the decorators. Decorators compose
/// in any order; promises, threads and errors are those of the wrapped device.
class ForwardingDevice : public Device {
 public:
  /// `inner` is not null.
  explicit ForwardingDevice(std::unique_ptr<Device> inner) : inner_(std::move(inner)) {}

  [[nodiscard]] const DeviceInfo& info() const noexcept override { return inner_->info(); }

  [[nodiscard]] BufferView allocate(MemoryKind kind, std::uint64_t size_bytes) override {
    return inner_->allocate(kind, size_bytes);
  }
  void free(BufferView whole) noexcept override { inner_->free(whole); }
  [[nodiscard]] std::span<std::byte> host_bytes(BufferView view) override { return inner_->host_bytes(view); }
  void declare_units(BufferView view, std::uint64_t stride_bytes, std::uint64_t unit_bytes) override {
    inner_->declare_units(view, stride_bytes, unit_bytes);
  }

  [[nodiscard]] StreamId create_stream(StreamRole role) override { return inner_->create_stream(role); }
  void destroy_stream(StreamId stream) noexcept override { inner_->destroy_stream(stream); }
  [[nodiscard]] EventId create_event() override { return inner_->create_event(); }
  void destroy_event(EventId event) noexcept override { inner_->destroy_event(event); }

  void copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) override {
    inner_->copy(stream, destination, source, tag);
  }
  void launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) override {
    inner_->launch(stream, op, tag);
  }
  void record(StreamId stream, EventId event) override { inner_->record(stream, event); }
  void wait(StreamId stream, EventId event) override { inner_->wait(stream, event); }

  [[nodiscard]] std::unique_ptr<ResidentStep> make_resident_step(const ResidentStepPlan& plan) override {
    return inner_->make_resident_step(plan);
  }

  [[nodiscard]] bool done(EventId event) override { return inner_->done(event); }
  void synchronize(EventId event) override { inner_->synchronize(event); }
  std::size_t wait_any(std::span<const EventId> events) override { return inner_->wait_any(events); }
  void synchronize() override { inner_->synchronize(); }

  void host_computed(const HostWork& work) override { inner_->host_computed(work); }
  [[nodiscard]] std::uint64_t now_ns() override { return inner_->now_ns(); }
  [[nodiscard]] StreamTimes times(StreamId stream) override { return inner_->times(stream); }
  void set_timeline(TimelineSink* sink) override { inner_->set_timeline(sink); }

 protected:
  [[nodiscard]] Device& inner() noexcept { return *inner_; }
  /// Ends the wrapped device, and with it its threads. For destructors whose members those threads still use;
  /// nothing may be called afterwards.
  void end_inner() noexcept { inner_.reset(); }

 private:
  std::unique_ptr<Device> inner_;
};

}  // namespace prophet
