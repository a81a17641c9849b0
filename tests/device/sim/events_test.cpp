#include "tests/device/sim/sim_fixture.hpp"

namespace prophet::sim_test {
namespace {

TEST(SimEvents, AnUnrecordedEventIsDone) {
  Sim sim;
  const EventId event = sim.device->create_event();
  EXPECT_TRUE(sim.device->done(event));
  sim.device->wait(sim.compute, event);
  sim.work(10, 1);
  sim.device->synchronize(event);
  sim.device->synchronize();
  EXPECT_EQ(sim.span("dense", 1).start_ns, 1U) << "after the one poll";
}

TEST(SimEvents, ARecordOfAnIdleStreamIsDone) {
  Sim sim;
  EXPECT_TRUE(sim.device->done(sim.mark(sim.compute)));
}

TEST(SimEvents, AWaitKeepsTheRecordThatItSaw) {
  Sim sim;
  sim.up(sim.demand, 0, 100);
  const EventId event = sim.mark(sim.demand);
  sim.device->wait(sim.compute, event);
  sim.up(sim.demand, 0, 1000);
  sim.device->record(sim.demand, event);
  sim.work(10, 1);
  sim.device->wait(sim.compute, event);
  sim.work(10, 2);
  sim.device->synchronize(event);
  EXPECT_EQ(sim.device->now_ns(), 1100U);
  sim.device->synchronize();
  EXPECT_EQ(sim.span("dense", 1).start_ns, 100U);
  EXPECT_EQ(sim.span("dense", 2).start_ns, 1100U);
}

TEST(SimEvents, ADestroyedEventStillHoldsBackWhatWaitsForIt) {
  Sim sim;
  sim.up(sim.demand, 0, 100);
  const EventId event = sim.mark(sim.demand);
  sim.device->wait(sim.compute, event);
  sim.device->destroy_event(event);
  const EventId reused = sim.mark(sim.prefetch);
  EXPECT_NE(reused, event);
  sim.work(10, 1);
  sim.device->synchronize();
  EXPECT_EQ(sim.span("dense", 1).start_ns, 100U);
}

TEST(SimEvents, AChainThroughThreeStreamsRunsInOrder) {
  GpuProfile profile = plain_profile();
  profile.event_latency_ns = 2;
  Sim sim(profile);
  sim.up(sim.prefetch, 0, 100, 1);
  sim.order(sim.prefetch, sim.demand);
  sim.up(sim.demand, 0, 100, 2);
  sim.order(sim.demand, sim.compute);
  sim.device->launch(sim.compute, sim.expert(0, 100), 3);
  sim.device->synchronize();
  EXPECT_EQ(sim.span("copy", 2).start_ns, 102U);
  EXPECT_EQ(sim.span("expert", 3).start_ns, 204U);
}

TEST(SimEvents, TheHostMayRunFarAhead) {
  Sim sim;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    sim.order(sim.compute, sim.demand);
    sim.up(sim.demand, 0, 10, i);
    sim.order(sim.demand, sim.compute);
    sim.work(10, i);
  }
  sim.device->synchronize();
  EXPECT_EQ(sim.device->now_ns(), 5000U * 20U);
}

TEST(SimEvents, DestroyingAStreamWaitsForItsWork) {
  Sim sim;
  sim.up(sim.demand, 0, 100);
  sim.device->destroy_stream(sim.demand);
  EXPECT_EQ(sim.device->now_ns(), 100U);
  const StreamId next = sim.device->create_stream(StreamRole::demand_copy);
  EXPECT_NE(next, sim.demand);
  EXPECT_EQ(sim.device->times(next).busy_ns, 0U);
  sim.device->copy(next, sim.arena.slice(0, 10), sim.host.slice(0, 10), 5);
  sim.device->synchronize();
  EXPECT_EQ(sim.span("copy", 5).start_ns, 100U);
}

}  // namespace
}  // namespace prophet::sim_test
