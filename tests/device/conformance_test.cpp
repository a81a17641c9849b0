// Order, events and waiting.
#include "tests/device/conformance.hpp"

#include "prophet/limits.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/device/decorators/faulty_device.hpp"
#include "runtime/device/decorators/limited_device.hpp"
#include "runtime/device/decorators/recording_device.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/device/make_device.hpp"
#include "tests/support/allocation_counter.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint64_t capacity_bytes = 64ULL << 20;

std::unique_ptr<Device> cpu() {
  return make_cpu_device({capacity_bytes, 0});
}

const std::vector<DeviceCase> cases = {
    {"cpu", cpu},
    {"cpu_throttled",
     [] {
       return make_cpu_device({capacity_bytes, 1e9});
     }},
    {"sim", [] { return make_device("sim:h100-80gb", {}); }},
    {"faulty", [] { return std::make_unique<FaultyDevice>(cpu(), std::vector<FaultPlan>{}); }},
    {"limited", [] { return std::make_unique<LimitedDevice>(cpu(), capacity_bytes / 2); }},
    {"recording", [] { return std::make_unique<RecordingDevice>(cpu(), RecordingOptions{1000}); }},
};

INSTANTIATE_TEST_SUITE_P(Devices, Conformance, ::testing::ValuesIn(cases),
                         [](const auto& one) { return one.param.name; });

TEST_P(Conformance, OneStreamRunsInOrderOfSubmission) {
  const BufferView host = pinned(3000);
  const BufferView there = on_device(1000);
  fill(host.slice(0, 1000), 1);
  fill(host.slice(1000, 1000), 2);
  const Stream stream(device(), StreamRole::compute);
  for (int i = 0; i < 50; ++i) {
    device().copy(stream.id(), there, host.slice(0, 1000), 0);
    device().copy(stream.id(), there, host.slice(1000, 1000), 0);
    device().copy(stream.id(), host.slice(2000, 1000), there, 0);
  }
  device().synchronize();
  expect_bytes(host.slice(2000, 1000), 2);
}

TEST_P(Conformance, AnEventOrdersOneStreamAfterAnother) {
  constexpr std::uint64_t size = 1 << 20;
  const BufferView host = pinned(2 * size);
  const BufferView there = on_device(size);
  const Stream up(device(), StreamRole::demand_copy);
  const Stream down(device(), StreamRole::compute);
  const Event written(device());
  const Event read(device());
  for (unsigned char round = 1; round < 5; ++round) {
    device().synchronize();
    fill(host.slice(0, size), round);
    device().copy(up.id(), there, host.slice(0, size), 0);
    device().record(up.id(), written.id());
    device().wait(down.id(), written.id());
    device().copy(down.id(), host.slice(size, size), there, 0);
    device().record(down.id(), read.id());
    device().synchronize(read.id());
    EXPECT_TRUE(device().done(read.id()));
    EXPECT_TRUE(device().done(written.id()));
    expect_bytes(host.slice(size, size), round);
  }
}

TEST_P(Conformance, RecordingAgainMovesTheEvent) {
  constexpr std::uint64_t size = 2 << 20;
  const BufferView host = pinned(2 * size);
  const BufferView there = on_device(size);
  const Stream stream(device(), StreamRole::compute);
  const Event event(device());
  device().record(stream.id(), event.id());
  device().synchronize(event.id());
  fill(host.slice(0, size), 7);
  device().copy(stream.id(), there, host.slice(0, size), 0);
  device().copy(stream.id(), host.slice(size, size), there, 0);
  device().record(stream.id(), event.id());
  device().synchronize(event.id());
  expect_bytes(host.slice(size, size), 7);
}

TEST_P(Conformance, AWaitTakesTheRecordThatWasTheLatestThen) {
  const Stream first(device(), StreamRole::compute);
  const Stream second(device(), StreamRole::demand_copy);
  const Event moved(device());
  const Event back(device());
  device().record(first.id(), moved.id());
  device().wait(second.id(), moved.id());
  device().record(second.id(), back.id());
  device().wait(first.id(), back.id());
  device().record(first.id(),
                  moved.id());  // had the wait meant this record, both streams would wait for ever
  device().synchronize();
  EXPECT_TRUE(device().done(moved.id()));
}

TEST_P(Conformance, AnEventWithoutRecordHoldsNobody) {
  const Stream stream(device(), StreamRole::compute);
  const Event event(device());
  EXPECT_TRUE(device().done(event.id()));
  device().wait(stream.id(), event.id());
  device().synchronize(event.id());
  EXPECT_EQ(device().wait_any(std::vector<EventId>{event.id()}), 0U);
  device().synchronize();
}

TEST_P(Conformance, WaitAnyReturnsAnEventThatIsDone) {
  const BufferView host = pinned(4 << 20);
  const BufferView there = on_device(4 << 20);
  const Stream slow(device(), StreamRole::prefetch_copy);
  const Stream quick(device(), StreamRole::compute);
  const Event late(device());
  const Event soon(device());
  const Event soonest(device());
  device().copy(slow.id(), there, host, 0);
  device().record(slow.id(), late.id());
  device().record(quick.id(), soonest.id());
  device().wait(quick.id(), late.id());
  device().record(quick.id(), soon.id());
  const std::vector<EventId> events = {soon.id(), late.id()};
  const std::size_t found = device().wait_any(events);
  ASSERT_LT(found, events.size());
  EXPECT_TRUE(device().done(events[found]));
  EXPECT_TRUE(device().done(late.id()));  // `soon` is after `late`
  EXPECT_EQ(device().wait_any(std::vector<EventId>{soonest.id(), soon.id()}), 0U);
  refusal(ErrorCode::usage, [&] { device().wait_any({}); });
  device().synchronize();
}

TEST_P(Conformance, StreamsComeAndGoUpToTheLimit) {
  for (int round = 0; round < 3; ++round) {
    std::vector<Stream> streams;
    for (std::uint32_t i = 0; i < limits::streams_max; ++i)
      streams.emplace_back(device(), StreamRole::compute);
    refusal(ErrorCode::usage, [&] { const Stream one_too_many(device(), StreamRole::compute); });
    const Event event(device());
    for (const Stream& stream : streams) {
      device().wait(stream.id(), event.id());
      device().record(stream.id(), event.id());
    }
    device().synchronize(event.id());
  }
}

TEST_P(Conformance, ADestroyedStreamHasFinishedItsWork) {
  const BufferView host = pinned(2000);
  const BufferView there = on_device(1000);
  fill(host.slice(0, 1000), 9);
  const Event event(device());
  {
    const Stream stream(device(), StreamRole::demand_copy);
    device().copy(stream.id(), there, host.slice(0, 1000), 0);
    device().copy(stream.id(), host.slice(1000, 1000), there, 0);
    device().record(stream.id(), event.id());
  }
  device().synchronize(event.id());
  EXPECT_TRUE(device().done(event.id()));
  expect_bytes(host.slice(1000, 1000), 9);
}

TEST_P(Conformance, StreamsAndEventsThatDoNotExistAreRefused) {
  const BufferView host = pinned(64);
  const Stream stream(device(), StreamRole::compute);
  const Event event(device());
  const StreamId no_stream{12345};
  const EventId no_event{12345};
  refusal(ErrorCode::usage, [&] { device().copy(no_stream, host, host, 0); });
  refusal(ErrorCode::usage, [&] { device().record(no_stream, event.id()); });
  refusal(ErrorCode::usage, [&] { device().record(stream.id(), no_event); });
  refusal(ErrorCode::usage, [&] { device().wait(stream.id(), no_event); });
  refusal(ErrorCode::usage, [&] { device().synchronize(no_event); });
  refusal(ErrorCode::usage, [&] { static_cast<void>(device().done(no_event)); });
  refusal(ErrorCode::usage, [&] { static_cast<void>(device().times(no_stream)); });
  EXPECT_TRUE(device().done(event.id()));
  device().synchronize();
}

TEST_P(Conformance, SubmissionAllocatesNothingAfterAWarmUp) {
  if (!heap_allocations_are_counted()) GTEST_SKIP() << "a sanitizer watches the heap in this build";
  if (device().info().kind == "cuda-on-cpu") GTEST_SKIP() << "the test vehicle's own queues allocate";
  const BufferView host = pinned(4096);
  const BufferView there = on_device(4096);
  const BufferView hidden = on_device(1024);
  const Stream copies(device(), StreamRole::prefetch_copy);
  const Stream compute(device(), StreamRole::compute);
  const Event copied(device());
  const std::vector<EventId> events = {copied.id()};
  const auto round = [&] {
    for (int i = 0; i < 50; ++i) {
      device().wait(copies.id(), copied.id());
      device().copy(copies.id(), there, host, 1);
      device().record(copies.id(), copied.id());
      device().wait(compute.id(), copied.id());
      device().launch(compute.id(), DenseOp{there, hidden, 2, 128, 1000}, 2);
      device().record(compute.id(), copied.id());
      if (i % 10 == 9) device().wait_any(events);
    }
    device().synchronize();
  };
  round();
  const std::uint64_t before = heap_allocations();
  round();
  EXPECT_EQ(heap_allocations() - before, 0U);
}

TEST_P(Conformance, DestroyingADeviceWithWorkInFlightEnds) {
  const BufferView host = pinned(1 << 20);
  const BufferView there = on_device(1 << 20);
  const StreamId up = device().create_stream(StreamRole::prefetch_copy);
  const StreamId down = device().create_stream(StreamRole::compute);
  const EventId event = device().create_event();
  for (int i = 0; i < 5; ++i) {
    device().copy(up, there, host, 0);
    device().record(up, event);
    device().wait(down, event);
    device().copy(down, host, there, 0);
    device().record(down, event);
    device().wait(up, event);
  }
  device_.reset();
}

}  // namespace
}  // namespace prophet::testing
