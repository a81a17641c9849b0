#include <gmock/gmock.h>

#include <limits>

#include "tests/device/sim/sim_fixture.hpp"

namespace prophet::sim_test {
namespace {

using testing::HasSubstr;

class SimRefusal : public testing::Test {
 protected:
  /// Nothing that is refused may cost time or leave work behind.
  void TearDown() override {
    EXPECT_EQ(sim.device->now_ns(), 0U);
    sim.device->synchronize();
    EXPECT_EQ(sim.device->now_ns(), 10U);
    EXPECT_TRUE(sim.log.spans.empty());
  }
  static GpuProfile profile() {
    GpuProfile made = plain_profile();
    made.host_submit_ns = 10;
    return made;
  }
  template <class Act>
  std::string usage(Act&& act) {
    return refusal(ErrorCode::usage, act);
  }
  Sim sim{profile()};
};

TEST_F(SimRefusal, ViewsBeyondTheirBuffer) {
  const std::uint64_t top = std::numeric_limits<std::uint64_t>::max();
  EXPECT_THAT(
      usage([&] { sim.device->copy(sim.demand, sim.arena.slice(99'999, 2), sim.host.slice(0, 2), 0); }),
      HasSubstr("the destination takes 2 bytes at offset 99999 of buffer 2, which has 100000 bytes"));
  usage([&] { sim.device->copy(sim.demand, sim.arena.slice(top, 2), sim.host.slice(0, 2), 0); });
  usage([&] { sim.device->copy(sim.demand, sim.arena.slice(2, top), sim.host.slice(2, top), 0); });
  usage([&] { sim.device->declare_units(sim.arena.slice(1, 100'000), 10, 10); });
  usage([&] { (void)sim.device->host_bytes(sim.host.slice(0, 100'001)); });
}

TEST_F(SimRefusal, FreedAndUnknownBuffers) {
  const BufferView gone = sim.device->allocate(MemoryKind::device, 100);
  sim.device->free(gone);
  sim.device->free(gone);  // a second time changes nothing
  EXPECT_THAT(usage([&] { sim.device->copy(sim.demand, gone, sim.host.slice(0, 100), 0); }),
              HasSubstr("names buffer 5, which is not allocated"));
  usage([&] { sim.device->copy(sim.demand, BufferView{}, BufferView{}, 0); });
  usage([&] { sim.device->launch(sim.compute, DenseOp{gone, sim.hidden, 1, 1, 0}, 0); });
}

TEST_F(SimRefusal, CopiesOfUnequalSizes) {
  EXPECT_THAT(usage([&] { sim.device->copy(sim.demand, sim.arena.slice(0, 3), sim.host.slice(0, 2), 0); }),
              HasSubstr("the destination has 3 bytes and the source 2, expected equal sizes"));
}

TEST_F(SimRefusal, UnknownStreamsAndEvents) {
  const EventId event = sim.device->create_event();
  sim.device->destroy_event(event);
  sim.device->destroy_event(event);
  EXPECT_THAT(usage([&] { sim.device->record(sim.compute, event); }), HasSubstr("event 0 does not exist"));
  usage([&] { sim.device->wait(sim.compute, event); });
  usage([&] { (void)sim.device->done(event); });
  usage([&] { sim.device->synchronize(event); });
  usage([&] { (void)sim.device->wait_any({}); });
  EXPECT_THAT(usage([&] { sim.device->copy(StreamId{7}, sim.arena.slice(0, 2), sim.host.slice(0, 2), 0); }),
              HasSubstr("stream 7 does not exist"));
  usage([&] { (void)sim.device->times(StreamId{99}); });
}

TEST_F(SimRefusal, MoreStreamsThanThereAre) {
  for (std::uint32_t i = 3; i < limits::streams_max; ++i) {
    (void)sim.device->create_stream(StreamRole::compute);
  }
  usage([&] { (void)sim.device->create_stream(StreamRole::compute); });
}

TEST_F(SimRefusal, OperationsWhoseShapesDoNotFit) {
  usage([&] { sim.device->launch(sim.compute, DenseOp{{}, sim.hidden, 251, 1, 0}, 0); });
  usage([&] { sim.device->launch(sim.compute, DenseOp{{}, sim.hidden, 1, 0, 0}, 0); });
  ExpertOp expert = sim.expert(0, 100);
  const std::uint32_t beyond[] = {250};
  expert.rows = beyond;
  EXPECT_THAT(usage([&] { sim.device->launch(sim.compute, expert, 0); }),
              HasSubstr("row 250 of 250 tokens is out of range"));
  CombineOp combine{sim.hidden, sim.output, beyond, 1, 1, 1};
  usage([&] { sim.device->launch(sim.compute, combine, 0); });
  combine.top_k = 2;
  usage([&] { sim.device->launch(sim.compute, combine, 0); });
}

TEST_F(SimRefusal, DeclarationsThatOverlapOrAreEmpty) {
  sim.device->declare_units(sim.arena, 10'000, 1'000);  // the same again is fine
  EXPECT_THAT(usage([&] { sim.device->declare_units(sim.arena.slice(10, 10), 5, 5); }),
              HasSubstr("overlap the declared [0, 100000)"));
  usage([&] { sim.device->declare_units(sim.hidden, 0, 5); });
  usage([&] { sim.device->declare_units(sim.hidden, 5, 0); });
}

TEST_F(SimRefusal, ProfilesAndOptionsOutOfRange) {
  GpuProfile bad = plain_profile();
  bad.link_bytes_per_s = 0;
  EXPECT_EQ(usage([&] { (void)make_sim_device(bad, {}); }),
            "sim device: link_bytes_per_s is 0, expected more than 0");
  bad = plain_profile();
  bad.copy_rate_while_computing = 1.5;
  usage([&] { (void)make_sim_device(bad, {}); });
  usage([&] { (void)make_sim_device(plain_profile(), {-0.1, 0, true}); });
}

}  // namespace
}  // namespace prophet::sim_test
