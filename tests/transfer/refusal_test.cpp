#include "tests/transfer/transfer_world.hpp"

namespace prophet::transfer_test {
namespace {

/// A prefetch of `c` into the slab that `a` is being read from, so that its submission makes calls of every
/// kind: a wait, four copies and five records.
struct Submission {
  explicit Submission(const WorldOptions& options = {.slabs = 1, .chunks_in_flight = chunks})
      : world(options) {
    world.fetch(a);
    const auto ticket = world.prefetch(c);
    slab = ticket.slab;
  }
  void fail(DeviceCall call, std::uint64_t nth, ErrorCode code, FaultKind kind = FaultKind::refused) {
    world.device.add({call, world.device.calls(call) + nth, code, kind});
  }
  World world;
  SlabId slab;
};

struct Refused {
  DeviceCall call;
  std::uint64_t nth;
};

class RefusedPrefetch : public testing::TestWithParam<Refused> {};

TEST_P(RefusedPrefetch, IsDroppedAndCountedAndLeavesNoTrace) {
  Submission submission;
  World& world = submission.world;
  submission.fail(GetParam().call, GetParam().nth, ErrorCode::out_of_memory);
  world.queue.pump();
  EXPECT_EQ(world.queue.failed_prefetches(), 1U);
  EXPECT_EQ(world.queue.queued(), 0U);
  EXPECT_FALSE(world.cache.find(c).has_value());
  EXPECT_EQ(world.cache.occupied_slabs(), 0U);
  EXPECT_EQ(world.queue.bytes().copied - World::expert_bytes, world.queue.bytes().prefetch_cancelled);
  world.fetch(c);  // on demand, with its contents verified
  world.finish_layer();
  world.prefetch(b);
  world.queue.drain();
  EXPECT_FALSE(world.cache.is_loading(b));
  EXPECT_EQ(world.queue.failed_prefetches(), 1U);
  world.expect_conserved();
}

TEST_P(RefusedPrefetch, DoesNotStopTheOneBehindIt) {
  World world({.slabs = 2, .chunks_in_flight = chunks});
  world.fetch(a);
  world.fetch(ExpertIndex{3});
  world.prefetch(c);
  world.prefetch(b);
  const auto [call, nth] = GetParam();
  world.device.add({call, world.device.calls(call) + nth, ErrorCode::out_of_memory});
  world.queue.drain();
  EXPECT_EQ(world.queue.failed_prefetches(), 1U);
  EXPECT_FALSE(world.cache.find(c).has_value());
  ASSERT_TRUE(world.cache.find(b).has_value());
  EXPECT_FALSE(world.cache.is_loading(b));
  world.fetch(b);
  world.finish_layer();
  world.expect_conserved();
}

TEST_P(RefusedPrefetch, OnALostDeviceIsAnError) {
  Submission submission;
  submission.fail(GetParam().call, GetParam().nth, ErrorCode::device_lost);
  expect_error(ErrorCode::device_lost, [&] { submission.world.queue.pump(); });
}

TEST_P(RefusedPrefetch, BecauseOfABrokenOrderIsAnError) {
  Submission submission;
  submission.fail(GetParam().call, GetParam().nth, ErrorCode::check_failed);
  expect_error(ErrorCode::check_failed, [&] { submission.world.queue.pump(); });
}

INSTANTIATE_TEST_SUITE_P(AtEveryCall, RefusedPrefetch,
                         testing::Values(Refused{DeviceCall::wait, 1}, Refused{DeviceCall::copy, 1},
                                         Refused{DeviceCall::copy, 2}, Refused{DeviceCall::copy, 4},
                                         Refused{DeviceCall::record, 1}, Refused{DeviceCall::record, 3},
                                         Refused{DeviceCall::record, 4}, Refused{DeviceCall::record, 5}),
                         [](const auto& test) {
                           return std::string(device_call_name(test.param.call)) +
                                  std::to_string(test.param.nth);
                         });

TEST(LostOperation, OfAPrefetchIsAnErrorOfTheNextWait) {
  for (const DeviceCall call : {DeviceCall::copy, DeviceCall::record, DeviceCall::wait}) {
    Submission submission;
    submission.fail(call, 1, ErrorCode::device_lost, FaultKind::failed);
    expect_error(call == DeviceCall::wait ? ErrorCode::check_failed : ErrorCode::device_lost, [&] {
      submission.world.queue.pump();
      submission.world.queue.drain();
    });
  }
}

TEST(LostOperation, EndsQuietlyWithTheQueue) {
  Submission submission;
  submission.fail(DeviceCall::copy, 2, ErrorCode::device_lost, FaultKind::failed);
  submission.world.queue.pump();
}

}  // namespace
}  // namespace prophet::transfer_test
