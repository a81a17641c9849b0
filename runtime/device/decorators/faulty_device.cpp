#include "runtime/device/decorators/faulty_device.hpp"

#include <fmt/format.h>

#include <utility>

namespace prophet {
namespace {

constexpr std::array<const char*, device_calls> call_names = {
    "allocate",    "host_bytes", "declare_units", "create_stream", "create_event",      "copy",
    "launch",      "record",     "wait",          "done",          "synchronize_event", "wait_any",
    "synchronize", "now_ns",     "times",         "set_timeline"};

constexpr bool submits(DeviceCall call) {
  return call == DeviceCall::copy || call == DeviceCall::launch || call == DeviceCall::record ||
         call == DeviceCall::wait;
}

constexpr bool synchronizes(DeviceCall call) {
  return call == DeviceCall::synchronize || call == DeviceCall::synchronize_event ||
         call == DeviceCall::wait_any;
}

}  // namespace

const char* device_call_name(DeviceCall call) noexcept {
  return call_names[static_cast<std::size_t>(call)];
}

FaultyDevice::FaultyDevice(std::unique_ptr<Device> inner_device, std::vector<FaultPlan> plans)
    : ForwardingDevice(std::move(inner_device)) {
  for (const FaultPlan& plan : plans) add(plan);
}

void FaultyDevice::add(const FaultPlan& plan) {
  if (plan.nth == 0 || plan.count == 0) {
    throw Error(ErrorCode::usage,
                fmt::format("fault plan for {}: nth is {} and count {}, expected at least 1",
                            device_call_name(plan.call), plan.nth, plan.count));
  }
  plans_.push_back(plan);
}

bool FaultyDevice::admit(DeviceCall call) {
  if (lost_) {
    throw Error(ErrorCode::device_lost,
                fmt::format("{}: the device was lost before, nothing but free and destroy is possible",
                            device_call_name(call)));
  }
  const std::uint64_t nth = ++calls_[static_cast<std::size_t>(call)];
  for (const FaultPlan& plan : plans_) {
    if (plan.call != call || nth < plan.nth || nth - plan.nth >= plan.count) continue;
    const Error error(plan.code,
                      fmt::format("{} number {} failed, as was planned", device_call_name(call), nth));
    if (plan.kind == FaultKind::refused || !submits(call)) raise(error);
    if (!pending_) pending_ = error;
    return false;
  }
  if (synchronizes(call)) throw_pending();
  return true;
}

void FaultyDevice::throw_pending() {
  if (!pending_) return;
  const Error error = *pending_;
  pending_.reset();
  raise(error);
}

void FaultyDevice::raise(const Error& error) {
  if (error.code() == ErrorCode::device_lost) lost_ = true;
  throw error;
}

BufferView FaultyDevice::allocate(MemoryKind kind, std::uint64_t size_bytes) {
  admit(DeviceCall::allocate);
  return inner().allocate(kind, size_bytes);
}

std::span<std::byte> FaultyDevice::host_bytes(BufferView view) {
  admit(DeviceCall::host_bytes);
  return inner().host_bytes(view);
}

void FaultyDevice::declare_units(BufferView view, std::uint64_t stride_bytes, std::uint64_t unit_bytes) {
  admit(DeviceCall::declare_units);
  inner().declare_units(view, stride_bytes, unit_bytes);
}

StreamId FaultyDevice::create_stream(StreamRole role) {
  admit(DeviceCall::create_stream);
  return inner().create_stream(role);
}

EventId FaultyDevice::create_event() {
  admit(DeviceCall::create_event);
  return inner().create_event();
}

void FaultyDevice::copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) {
  if (admit(DeviceCall::copy)) inner().copy(stream, destination, source, tag);
}

void FaultyDevice::launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) {
  if (admit(DeviceCall::launch)) inner().launch(stream, op, tag);
}

void FaultyDevice::record(StreamId stream, EventId event) {
  if (admit(DeviceCall::record)) inner().record(stream, event);
}

void FaultyDevice::wait(StreamId stream, EventId event) {
  if (admit(DeviceCall::wait)) inner().wait(stream, event);
}

bool FaultyDevice::done(EventId event) {
  admit(DeviceCall::done);
  return inner().done(event);
}

void FaultyDevice::synchronize(EventId event) {
  admit(DeviceCall::synchronize_event);
  inner().synchronize(event);
}

std::size_t FaultyDevice::wait_any(std::span<const EventId> events) {
  admit(DeviceCall::wait_any);
  return inner().wait_any(events);
}

void FaultyDevice::synchronize() {
  admit(DeviceCall::synchronize);
  inner().synchronize();
}

std::uint64_t FaultyDevice::now_ns() {
  admit(DeviceCall::now_ns);
  return inner().now_ns();
}

StreamTimes FaultyDevice::times(StreamId stream) {
  admit(DeviceCall::times);
  return inner().times(stream);
}

void FaultyDevice::set_timeline(TimelineSink* sink) {
  admit(DeviceCall::set_timeline);
  inner().set_timeline(sink);
}

}  // namespace prophet
