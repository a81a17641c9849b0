#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/device/sim_device.hpp"

namespace prophet::sim_test {

/// A machine for mental arithmetic: one byte a nanosecond up the link, half of one down, ten from memory, a
/// thousand flops a nanosecond, and no latency or host cost unless a test sets one.
inline GpuProfile plain_profile() {
  GpuProfile profile;
  profile.name = "plain";
  profile.memory_bytes = 1'000'000;
  profile.memory_bytes_per_s = 10e9;
  profile.flops_per_s = 1e12;
  profile.link_bytes_per_s = 1e9;
  profile.link_down_bytes_per_s = 0.5e9;
  return profile;
}

class SpanLog : public TimelineSink {
 public:
  void on_span(const TimelineSpan& span) override { spans.push_back(span); }
  std::vector<TimelineSpan> spans;
};

/// One sim device with a stream of each role and a buffer of each kind.
struct Sim {
  explicit Sim(const GpuProfile& profile = plain_profile(), const SimOptions& options = {})
      : device(make_sim_device(profile, options)) {
    device->set_timeline(&log);
    compute = device->create_stream(StreamRole::compute);
    demand = device->create_stream(StreamRole::demand_copy);
    prefetch = device->create_stream(StreamRole::prefetch_copy);
    host = device->allocate(MemoryKind::host_pinned, 100'000);
    arena = device->allocate(MemoryKind::device, 100'000);
    hidden = device->allocate(MemoryKind::device, 1000);
    output = device->allocate(MemoryKind::device, 1000);
    device->declare_units(arena, 10'000, 1'000);
  }

  /// Copies `bytes` into the arena at `offset`, from the same offset of the host buffer.
  void up(StreamId stream, std::uint64_t offset, std::uint64_t bytes, std::uint64_t tag = 0) {
    device->copy(stream, arena.slice(offset, bytes), host.slice(offset, bytes), tag);
  }
  /// Computes for `duration_ns`, beside whatever latency the profile has.
  void work(std::uint64_t duration_ns, std::uint64_t tag = 0) {
    device->launch(compute, DenseOp{{}, hidden, 1, 1, duration_ns * 1000}, tag);
  }
  [[nodiscard]] ExpertOp expert(std::uint64_t offset, std::uint64_t bytes, bool verify = false) const {
    ExpertOp op;
    op.slab = arena.slice(offset, bytes);
    op.source = host.slice(offset, bytes);
    op.hidden = hidden;
    op.output = output;
    op.rows = row;
    op.hidden_size = 1;
    op.verify = verify;
    return op;
  }
  EventId mark(StreamId stream) {
    const EventId event = device->create_event();
    device->record(stream, event);
    return event;
  }
  void order(StreamId before, StreamId after) { device->wait(after, mark(before)); }

  /// The span with this name and tag; fails the test when there is not exactly one.
  [[nodiscard]] TimelineSpan span(const std::string& name, std::uint64_t tag = 0) const {
    TimelineSpan found;
    int count = 0;
    for (const TimelineSpan& one : log.spans) {
      if (one.name != name || one.tag != tag) continue;
      found = one;
      ++count;
    }
    EXPECT_EQ(count, 1) << "spans named " << name << " with tag " << tag;
    return found;
  }

  static constexpr std::uint32_t row[] = {0};
  SpanLog log;
  std::unique_ptr<Device> device;
  StreamId compute, demand, prefetch;
  BufferView host, arena, hidden, output;
};

/// Runs `act` and returns the sentence of the Error that it must throw.
template <class Act>
std::string refusal(ErrorCode code, Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace prophet::sim_test
