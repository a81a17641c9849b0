#include "runtime/device/cpu_device.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>

#include "kernels/checksum.hpp"
#include "prophet/error.hpp"
#include "runtime/device/handles.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet {
namespace {

using testing::fresh_seed;

constexpr std::uint64_t mib = 1ULL << 20;

class Spans : public TimelineSink {
 public:
  void on_span(const TimelineSpan& span) override {
    const std::lock_guard lock(mutex_);
    by_tag_[span.tag] = span;
  }
  [[nodiscard]] TimelineSpan with_tag(std::uint64_t tag) const { return by_tag_.at(tag); }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, TimelineSpan> by_tag_;
};

/// Queues prefetch chunks, then one demand copy; all times are the device's.
struct DemandAmongPrefetch {
  static constexpr std::uint64_t chunks = 8;
  static constexpr std::uint64_t demand_tag = 100;

  DemandAmongPrefetch() {
    const auto device = make_cpu_device({64 * mib, 100e6});  // a chunk of 1 MiB holds the link for 10.5 ms
    const Buffer host(*device, MemoryKind::host_pinned, mib);
    const Buffer there(*device, MemoryKind::device, 2 * mib);
    const Stream prefetch(*device, StreamRole::prefetch_copy);
    const Stream demand(*device, StreamRole::demand_copy);
    device->set_timeline(&spans);
    for (std::uint64_t i = 1; i <= chunks; ++i) {
      device->copy(prefetch.id(), there.view().slice(0, mib), host.view(), i);
    }
    device->copy(demand.id(), there.view().slice(mib, mib), host.view(), demand_tag);
    submitted_ns = device->now_ns();
    device->synchronize();
  }
  [[nodiscard]] bool prefetch_was_queued() const { return spans.with_tag(chunks).start_ns > submitted_ns; }

  Spans spans;
  std::uint64_t submitted_ns = 0;
};

TEST(CpuDevice, ADemandCopyWaitsForOnePrefetchChunkAtMost) {
  bool shown = false;
  // On a loaded machine the host may be held up until the prefetch queue is empty; that shows nothing.
  for (int attempt = 0; attempt < 20 && !shown; ++attempt) {
    const DemandAmongPrefetch run;
    shown = run.prefetch_was_queued();
    const TimelineSpan demanded = run.spans.with_tag(DemandAmongPrefetch::demand_tag);
    std::uint64_t waited_for = 0;
    for (std::uint64_t i = 1; i <= DemandAmongPrefetch::chunks; ++i) {
      const TimelineSpan chunk = run.spans.with_tag(i);
      EXPECT_TRUE(chunk.end_ns <= demanded.start_ns || chunk.start_ns >= demanded.end_ns)
          << "two copies held the link at once";
      waited_for +=
          static_cast<std::uint64_t>(chunk.end_ns > run.submitted_ns && chunk.start_ns < demanded.start_ns);
    }
    EXPECT_LE(waited_for, 1U);
  }
  EXPECT_TRUE(shown) << "the demand copy was never submitted in time";
}

TEST(CpuDevice, TheThrottleHoldsTheLinkForBytesOverRate) {
  constexpr double rate = 200e6;
  const auto device = make_cpu_device({64 * mib, rate});
  const Buffer host(*device, MemoryKind::host_pinned, mib);
  const Buffer there(*device, MemoryKind::device, mib);
  const Stream stream(*device, StreamRole::demand_copy);
  Spans spans;
  device->set_timeline(&spans);
  std::vector<double> excess_us;
  constexpr double late_us = 1000;
  double least_us = late_us;
  // On a loaded machine most are late, but not all of so many.
  for (std::uint64_t i = 0; i < 20 || (i < 400 && least_us >= late_us); ++i) {
    device->copy(stream.id(), there.view(), host.view(), i);
    device->synchronize();
    const TimelineSpan span = spans.with_tag(i);
    const double held_ns = static_cast<double>(span.end_ns - span.start_ns);
    excess_us.push_back((held_ns - static_cast<double>(mib) / rate * 1e9) / 1e3);
    EXPECT_GT(excess_us.back(), -1.0) << "the link was given up too early";
    least_us = std::min(least_us, excess_us.back());
  }
  std::sort(excess_us.begin(), excess_us.end());
  std::cout << "link held too long by: median " << excess_us[excess_us.size() / 2] << " us, most "
            << excess_us.back() << " us\n";
  EXPECT_LT(excess_us.front(), late_us);
}

TEST(CpuDevice, TheTwoDirectionsDoNotShareALink) {
  const auto device = make_cpu_device({64 * mib, 10e6});  // 105 ms a copy
  const Buffer host(*device, MemoryKind::host_pinned, 2 * mib);
  const Buffer there(*device, MemoryKind::device, 2 * mib);
  const Stream up(*device, StreamRole::demand_copy);
  const Stream down(*device, StreamRole::compute);
  Spans spans;
  device->set_timeline(&spans);
  device->copy(up.id(), there.view().slice(0, mib), host.view().slice(0, mib), 1);
  device->copy(down.id(), host.view().slice(mib, mib), there.view().slice(mib, mib), 2);
  device->synchronize();
  EXPECT_LT(spans.with_tag(2).start_ns, spans.with_tag(1).end_ns);
  EXPECT_LT(spans.with_tag(1).start_ns, spans.with_tag(2).end_ns);
}

TEST(CpuDevice, TimeBlockedByAnotherStreamIsCounted) {
  const auto device = make_cpu_device({64 * mib, 10e6});  // 105 ms a copy
  const Buffer host(*device, MemoryKind::host_pinned, mib);
  const Buffer there(*device, MemoryKind::device, mib);
  const Stream copies(*device, StreamRole::demand_copy);
  const Stream compute(*device, StreamRole::compute);
  const Event copied(*device);
  device->copy(copies.id(), there.view(), host.view(), 0);
  device->record(copies.id(), copied.id());
  device->wait(compute.id(), copied.id());
  device->synchronize();
  EXPECT_GT(device->times(copies.id()).busy_ns, 100'000'000U);
  EXPECT_GT(device->times(compute.id()).blocked_ns, 1'000'000U);
  EXPECT_EQ(device->times(compute.id()).busy_ns, 0U);
}

TEST(CpuDevice, ACorruptedByteInASlabIsCaught) {
  const auto device = make_cpu_device({64 * mib, 0});
  const Buffer host(*device, MemoryKind::host_pinned, 4096);
  const Buffer slab(*device, MemoryKind::device, 4096);
  const Buffer hidden(*device, MemoryKind::device, 64);
  const Stream stream(*device, StreamRole::compute);
  const auto bytes = device->host_bytes(host.view());
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte{static_cast<unsigned char>(i * 31)};
  const auto source = host.view().slice(0, 4000);
  const std::uint64_t checksum = kernels::checksum(bytes.first(4000));
  const auto check = [&] {
    device->copy(stream.id(), slab.view(), host.view(), 0);
    device->launch(stream.id(),
                   ExpertOp{slab.view(), source, hidden.view(), hidden.view(), {}, 16, 0, checksum, true},
                   42);
    device->synchronize();
  };
  EXPECT_NO_THROW(check());
  bytes[4050] ^= std::byte{1};  // padding
  EXPECT_NO_THROW(check());
  bytes[3999] ^= std::byte{1};
  try {
    check();
    ADD_FAILURE() << "the corrupted byte was not seen";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::check_failed);
    EXPECT_NE(std::string(error.what()).find("tag 42"), std::string::npos) << error.what();
  }
}

TEST(CpuDevice, AQueueBeyondItsCapacityGrowsAndLosesNothing) {
  constexpr std::size_t copies = 20'000;
  const auto device = make_cpu_device({64 * mib, 20e6});
  const Buffer host(*device, MemoryKind::host_pinned, mib);
  const Buffer there(*device, MemoryKind::device, mib + copies);
  const Stream slow(*device, StreamRole::demand_copy);
  const Stream held(*device, StreamRole::compute);
  const Event release(*device);
  device->copy(slow.id(), there.view().slice(0, mib), host.view(), 0);  // 52 ms
  device->record(slow.id(), release.id());
  device->wait(held.id(), release.id());
  const Buffer from(*device, MemoryKind::device, 1);
  const Buffer one(*device, MemoryKind::host_pinned, 1 + copies);
  device->host_bytes(one.view())[0] = std::byte{1};
  const Stream third(*device, StreamRole::compute);
  device->copy(third.id(), from.view(), one.view().slice(0, 1), 0);
  device->synchronize();
  device->wait(held.id(), release.id());
  for (std::size_t i = 0; i < copies; ++i) {
    device->copy(held.id(), there.view().slice(mib + i, 1), from.view(), i);
  }
  device->synchronize();
  device->copy(held.id(), one.view().slice(1, copies), there.view().slice(mib, copies), 0);
  device->synchronize();
  for (const std::byte moved : device->host_bytes(one.view())) ASSERT_EQ(moved, std::byte{1});
}

TEST(CpuDevice, WhatTheHostHasNotIsRefusedBeforeItIsTaken) {
  const auto device = make_cpu_device({std::numeric_limits<std::uint64_t>::max(), 0});
  for (const MemoryKind kind : {MemoryKind::device, MemoryKind::host_pinned}) {
    try {
      static_cast<void>(device->allocate(kind, 1ULL << 50));
      ADD_FAILURE() << "a pebibyte was given";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
      EXPECT_NE(std::string(error.what()).find("available"), std::string::npos) << error.what();
    }
  }
  device->free(device->allocate(MemoryKind::device, mib));
}

TEST(CpuDevice, AThrottleThatIsNoRateIsRefused) {
  EXPECT_THROW(static_cast<void>(make_cpu_device({mib, -1})), Error);
  EXPECT_THROW(static_cast<void>(make_cpu_device({mib, std::numeric_limits<double>::quiet_NaN()})), Error);
  EXPECT_THROW(static_cast<void>(make_cpu_device({mib, std::numeric_limits<double>::infinity()})), Error);
}

/// Copies among small cells by four streams, each ordered by events after whatever used its cells before, and
/// the same copies done one after the other.
class RandomCopies {
 public:
  explicit RandomCopies(Device& device, std::uint64_t seed)
      : device_(device),
        random_(seed),
        memory_(device, MemoryKind::device, cells * cell_bytes),
        host_(device, MemoryKind::host_pinned, cells * cell_bytes) {
    constexpr std::array roles = {StreamRole::compute, StreamRole::demand_copy, StreamRole::prefetch_copy,
                                  StreamRole::prefetch_copy};
    for (const StreamRole role : roles) streams_.emplace_back(device, role);
    for (std::size_t i = 0; i < 2 * cells; ++i) events_.emplace_back(device);
    const auto bytes = device.host_bytes(host_.view());
    for (std::byte& one : bytes) one = std::byte{static_cast<unsigned char>(random_.next())};
    for (std::size_t c = 0; c < cells; ++c) model_[cells + c] = bytes[c * cell_bytes];
    for (std::size_t c = 0; c < cells; ++c) {
      for (std::byte& one : bytes.subspan(c * cell_bytes, cell_bytes)) one = model_[cells + c];
    }
  }

  void step() {
    const std::size_t from = random_.below(2 * cells);
    const std::size_t to = random_.below(2 * cells);
    if (from == to) return;
    const StreamId stream = streams_[random_.below(streams_.size())].id();
    // Every use of a cell is ordered after the one before it, which its event stands for.
    device_.wait(stream, events_[from].id());
    device_.wait(stream, events_[to].id());
    device_.copy(stream, view(to), view(from), 0);
    device_.record(stream, events_[from].id());
    device_.record(stream, events_[to].id());
    model_[to] = model_[from];
    if (random_.chance(0.01)) device_.synchronize(events_[random_.below(events_.size())].id());
  }

  void expect_equal_to_the_model() {
    device_.synchronize();
    const auto bytes = device_.host_bytes(host_.view());
    for (std::size_t i = 0; i < bytes.size(); ++i) ASSERT_EQ(bytes[i], model_[cells + i / cell_bytes]) << i;
  }

 private:
  static constexpr std::size_t cells = 12;
  static constexpr std::size_t cell_bytes = 512;

  [[nodiscard]] BufferView view(std::size_t cell) const {
    const BufferView& whole = cell < cells ? memory_.view() : host_.view();
    return whole.slice(cell % cells * cell_bytes, cell_bytes);
  }

  Device& device_;
  Random random_;
  Buffer memory_;
  Buffer host_;
  std::vector<Stream> streams_;
  std::vector<Event> events_;
  std::array<std::byte, 2 * cells> model_{};
};

TEST(CpuDevice, RandomCopiesOrderedByEventsEqualTheSequentialRun) {
  const std::uint64_t seed = fresh_seed();
  SCOPED_TRACE(::testing::Message() << "PROPHET_SEED=" << seed);
  const auto device = make_cpu_device({64 * mib, 0});
  RandomCopies copies(*device, seed);
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 200; ++i) copies.step();
    copies.expect_equal_to_the_model();
  }
}

}  // namespace
}  // namespace prophet
