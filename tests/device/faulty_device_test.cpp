#include "runtime/device/decorators/faulty_device.hpp"

#include <gtest/gtest.h>

#include "runtime/device/cpu_device.hpp"
#include "runtime/device/handles.hpp"

namespace prophet {
namespace {

std::unique_ptr<Device> cpu() {
  return make_cpu_device({1ULL << 20, 0});
}

template <class Act>
ErrorCode code_of(Act act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::usage;
}

TEST(FaultyDevice, FailsTheNthCallOfItsKindAndNoOther) {
  FaultyDevice device(cpu(), {{DeviceCall::allocate, 2, ErrorCode::out_of_memory, FaultKind::refused, 2}});
  const auto allocate = [&] { return device.allocate(MemoryKind::device, 100); };
  EXPECT_NO_THROW(static_cast<void>(allocate()));
  EXPECT_EQ(code_of([&] { static_cast<void>(allocate()); }), ErrorCode::out_of_memory);
  EXPECT_EQ(code_of([&] { static_cast<void>(allocate()); }), ErrorCode::out_of_memory);
  EXPECT_NO_THROW(static_cast<void>(allocate()));
  EXPECT_EQ(device.calls(DeviceCall::allocate), 4U);
  EXPECT_EQ(device.calls(DeviceCall::copy), 0U);
}

TEST(FaultyDevice, AFailedCopyMovesNothingAndIsReportedByTheNextWait) {
  FaultyDevice device(cpu(), {{DeviceCall::copy, 1, ErrorCode::check_failed, FaultKind::failed, 1}});
  const Buffer host(device, MemoryKind::host_pinned, 2);
  const Stream stream(device, StreamRole::compute);
  const auto bytes = device.host_bytes(host.view());
  bytes[0] = std::byte{5};
  const auto copy = [&] {
    device.copy(stream.id(), host.view().slice(1, 1), host.view().slice(0, 1), 0);
    device.synchronize();
  };
  EXPECT_EQ(code_of(copy), ErrorCode::check_failed);
  EXPECT_EQ(bytes[1], std::byte{0});
  EXPECT_NO_THROW(copy());
  EXPECT_EQ(bytes[1], std::byte{5});
}

TEST(FaultyDevice, SeveralPlansEachFailTheirCall) {
  FaultyDevice device(cpu(), {{DeviceCall::record, 1, ErrorCode::usage, FaultKind::refused, 1},
                              {DeviceCall::wait, 2, ErrorCode::usage, FaultKind::refused, 1}});
  const Stream stream(device, StreamRole::compute);
  const Event event(device);
  EXPECT_THROW(device.record(stream.id(), event.id()), Error);
  EXPECT_NO_THROW(device.record(stream.id(), event.id()));
  EXPECT_NO_THROW(device.wait(stream.id(), event.id()));
  EXPECT_THROW(device.wait(stream.id(), event.id()), Error);
  device.synchronize();
}

TEST(FaultyDevice, ALostDeviceRefusesEverythingButToBeTakenApart) {
  FaultyDevice device(cpu(), {{DeviceCall::synchronize, 1, ErrorCode::device_lost, FaultKind::refused, 1}});
  const Buffer buffer(device, MemoryKind::host_pinned, 8);
  const Stream stream(device, StreamRole::compute);
  const Event event(device);
  const EventId events[] = {event.id()};
  const auto lost = [&](auto act) { EXPECT_EQ(code_of(act), ErrorCode::device_lost); };
  lost([&] { device.synchronize(); });
  lost([&] { device.synchronize(); });
  lost([&] { device.synchronize(event.id()); });
  lost([&] { device.wait_any(events); });
  lost([&] { static_cast<void>(device.done(event.id())); });
  lost([&] { device.record(stream.id(), event.id()); });
  lost([&] { device.wait(stream.id(), event.id()); });
  lost([&] { device.copy(stream.id(), buffer.view(), buffer.view(), 0); });
  lost([&] { device.launch(stream.id(), CombineOp{}, 0); });
  lost([&] { static_cast<void>(device.allocate(MemoryKind::device, 8)); });
  lost([&] { static_cast<void>(device.host_bytes(buffer.view())); });
  lost([&] { device.declare_units(buffer.view(), 8, 8); });
  lost([&] { static_cast<void>(device.create_stream(StreamRole::compute)); });
  lost([&] { static_cast<void>(device.create_event()); });
  lost([&] { static_cast<void>(device.now_ns()); });
  lost([&] { static_cast<void>(device.times(stream.id())); });
  lost([&] { device.set_timeline(nullptr); });
  EXPECT_EQ(device.info().kind, "cpu");
}

TEST(FaultyDevice, AnOperationMayLoseTheDevice) {
  FaultyDevice device(cpu(), {{DeviceCall::launch, 1, ErrorCode::device_lost, FaultKind::failed, 1}});
  const Stream stream(device, StreamRole::compute);
  EXPECT_NO_THROW(device.launch(stream.id(), CombineOp{}, 0));
  EXPECT_EQ(code_of([&] { device.synchronize(); }), ErrorCode::device_lost);
  EXPECT_EQ(code_of([&] { static_cast<void>(device.now_ns()); }), ErrorCode::device_lost);
}

TEST(FaultyDevice, PlansThatNameNoCallAreRefused) {
  EXPECT_THROW(FaultyDevice(cpu(), {{DeviceCall::copy, 0}}), Error);
  FaultPlan never;
  never.count = 0;
  EXPECT_THROW(FaultyDevice(cpu(), {never}), Error);
}

}  // namespace
}  // namespace prophet
