#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>

#include "tests/device/sim/sim_fixture.hpp"
#include "tests/support/allocation_counter.hpp"

namespace prophet::sim_test {
namespace {

/// A decode loop as the engine drives it: each layer demands two experts and prefetches two in two chunks.
class DecodeLoop {
 public:
  explicit DecodeLoop(bool check) : sim_(plain_profile(), {0, 0, check}) {
    sim_.device->set_timeline(nullptr);
    for (EventId& event : copied_) event = sim_.device->create_event();
    for (EventId& event : used_) event = sim_.device->create_event();
    routed_ = sim_.device->create_event();
  }

  /// Returns the device calls made.
  std::uint64_t layer() {
    Device& device = *sim_.device;
    device.launch(sim_.compute, DenseOp{{}, sim_.hidden, 1, 1, 100'000}, 0);
    device.record(sim_.compute, routed_);
    device.synchronize(routed_);
    for (std::uint64_t i = 0; i < slabs; ++i) {
      const StreamId stream = i < 2 ? sim_.demand : sim_.prefetch;
      const std::uint64_t at = i * 10'000;
      device.wait(stream, used_[i]);
      sim_.up(stream, at, 5'000);
      sim_.up(stream, at + 5'000, 5'000);
      device.record(stream, copied_[i]);
    }
    for (std::uint64_t i = 0; i < slabs; ++i) {
      device.wait(sim_.compute, copied_[i]);
      device.launch(sim_.compute, sim_.expert(i * 10'000, 10'000, true), i);
      device.record(sim_.compute, used_[i]);
    }
    device.launch(sim_.compute, CombineOp{sim_.hidden, sim_.output, Sim::row, 1, 1, 1}, 0);
    return 4 + slabs * 7;
  }
  void finish() { sim_.device->synchronize(); }

 private:
  static constexpr std::uint64_t slabs = 4;
  Sim sim_;
  EventId copied_[slabs], used_[slabs], routed_;
};

/// Processor time, which other programs on the machine do not lengthen as they do the wall clock's.
double processor_ns() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

TEST(SimSpeed, NothingIsAllocatedOnceWarm) {
  if (!testing::heap_allocations_are_counted()) GTEST_SKIP() << "the sanitizer keeps operator new";
  DecodeLoop loop(true);
  for (int i = 0; i < 100; ++i) loop.layer();
  const std::uint64_t before = testing::heap_allocations();
  for (int i = 0; i < 10'000; ++i) loop.layer();
  loop.finish();
  EXPECT_EQ(testing::heap_allocations() - before, 0U);
}

TEST(SimSpeed, DeviceCallsASecondAreReported) {
  for (const bool check : {true, false}) {
    DecodeLoop loop(check);
    std::uint64_t calls = 0;
    for (int i = 0; i < 1'000; ++i) loop.layer();
    const double start_ns = processor_ns();
    for (int i = 0; i < 20'000; ++i) calls += loop.layer();
    loop.finish();
    const double took_ns = processor_ns() - start_ns;
    std::printf("sim device, happens-before %s: %.1f ns a device call, %.2f us a layer\n",
                check ? "checked" : "not checked", took_ns / static_cast<double>(calls),
                took_ns / 20'000 / 1000);
  }
}

}  // namespace
}  // namespace prophet::sim_test
