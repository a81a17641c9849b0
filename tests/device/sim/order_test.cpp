#include <gmock/gmock.h>

#include "tests/device/sim/sim_fixture.hpp"

namespace prophet::sim_test {
namespace {

using testing::HasSubstr;

TEST(SimOrder, AReadThatNoEventOrdersAfterTheCopyIsCaught) {
  Sim sim;
  sim.up(sim.demand, 12'000, 1000);
  const std::string sentence = refusal(
      ErrorCode::check_failed, [&] { sim.device->launch(sim.compute, sim.expert(10'000, 10'000), 0); });
  EXPECT_EQ(
      sentence,
      "expert operation on stream 0 reads unit 2 of slab 1 of buffer 2, which no event orders after the "
      "write by stream 1; record an event there after its last use and wait for it here");
}

TEST(SimOrder, ReuseOfASlabThatIsStillReadIsCaught) {
  Sim sim;
  sim.up(sim.demand, 0, 1000);
  sim.order(sim.demand, sim.compute);
  sim.device->launch(sim.compute, sim.expert(0, 1000), 0);
  const std::string sentence = refusal(ErrorCode::check_failed, [&] { sim.up(sim.demand, 0, 1000); });
  EXPECT_THAT(sentence, HasSubstr("copy on stream 1 writes unit 0 of slab 0 of buffer 2"));
  EXPECT_THAT(sentence, HasSubstr("after the read by stream 0"));
  sim.order(sim.compute, sim.demand);
  sim.up(sim.demand, 0, 1000);
  sim.device->synchronize();
}

TEST(SimOrder, TwoCopiesIntoOneSlabInNoOrderAreCaught) {
  Sim sim;
  sim.up(sim.prefetch, 0, 1000);
  EXPECT_THAT(refusal(ErrorCode::check_failed, [&] { sim.up(sim.demand, 0, 1000); }),
              HasSubstr("after the write by stream 2"));
}

TEST(SimOrder, TimeAloneOrdersNothing) {
  Sim sim;
  sim.up(sim.demand, 0, 10);
  sim.work(100'000);
  sim.device->synchronize(sim.mark(sim.compute));  // long after the copy, but the host has not seen that
  EXPECT_GT(sim.device->now_ns(), 10U);
  refusal(ErrorCode::check_failed, [&] { sim.device->launch(sim.compute, sim.expert(0, 10), 0); });
}

TEST(SimOrder, WhatTheHostHasSeenIsOrdered) {
  for (int way = 0; way < 4; ++way) {
    Sim sim;
    sim.up(sim.demand, 0, 10);
    const EventId copied = sim.mark(sim.demand);
    const EventId events[] = {copied};
    if (way == 0) sim.device->synchronize(copied);
    if (way == 1) sim.device->synchronize();
    if (way == 2) (void)sim.device->wait_any(events);
    while (way == 3 && !sim.device->done(copied)) {
    }
    sim.device->launch(sim.compute, sim.expert(0, 10), 0);
    sim.device->synchronize();
    sim.up(sim.prefetch, 0, 10);
  }
}

TEST(SimOrder, APollThatFoundNothingOrdersNothing) {
  Sim sim;
  sim.up(sim.demand, 0, 1000);
  EXPECT_FALSE(sim.device->done(sim.mark(sim.demand)));
  refusal(ErrorCode::check_failed, [&] { sim.device->launch(sim.compute, sim.expert(0, 10), 0); });
}

TEST(SimOrder, OrderPassesThroughAThirdStream) {
  Sim sim;
  sim.up(sim.prefetch, 0, 1000);
  sim.order(sim.prefetch, sim.demand);
  sim.order(sim.demand, sim.compute);
  sim.device->launch(sim.compute, sim.expert(0, 1000), 0);
}

TEST(SimOrder, AnEventRecordedTooEarlyOrdersOnlyWhatCameBefore) {
  Sim sim;
  const EventId early = sim.mark(sim.demand);
  sim.up(sim.demand, 0, 1000);
  sim.device->wait(sim.compute, early);
  refusal(ErrorCode::check_failed, [&] { sim.device->launch(sim.compute, sim.expert(0, 1000), 0); });
}

TEST(SimOrder, OneOfSeveralReadersIsNotForgotten) {
  Sim sim;
  const StreamId other = sim.device->create_stream(StreamRole::compute);
  sim.up(sim.demand, 0, 1000);
  const EventId copied = sim.mark(sim.demand);
  sim.device->wait(sim.compute, copied);
  sim.device->wait(other, copied);
  sim.device->copy(other, sim.arena.slice(70'000, 1000), sim.arena.slice(0, 1000), 0);
  sim.device->copy(sim.compute, sim.arena.slice(50'000, 1000), sim.arena.slice(0, 1000), 0);
  sim.order(sim.compute, sim.demand);
  EXPECT_THAT(refusal(ErrorCode::check_failed, [&] { sim.up(sim.demand, 0, 1000); }),
              HasSubstr("after the read by stream 3"));
  sim.order(other, sim.demand);
  sim.device->copy(sim.demand, sim.arena.slice(0, 1000), sim.arena.slice(60'000, 1000), 0);
}

TEST(SimOrder, UnitsOfOneSlabAreIndependent) {
  Sim sim;
  sim.up(sim.demand, 0, 1000);
  sim.up(sim.prefetch, 1000, 1000);
  refusal(ErrorCode::check_failed, [&] { sim.up(sim.prefetch, 999, 2); });
}

TEST(SimOrder, MemoryThatIsNotCutIsOneUnit) {
  Sim sim;
  sim.device->copy(sim.demand, sim.hidden.slice(0, 10), sim.host.slice(0, 10), 0);
  EXPECT_THAT(
      refusal(ErrorCode::check_failed,
              [&] { sim.device->copy(sim.prefetch, sim.hidden.slice(500, 10), sim.host.slice(0, 10), 0); }),
      HasSubstr("buffer 3 (not cut into units)"));
}

TEST(SimOrder, ARefusedOperationChangesNothing) {
  GpuProfile profile = plain_profile();
  profile.host_submit_ns = 10;
  Sim sim(profile);
  sim.up(sim.demand, 1000, 1000);
  // Unit 0 is free to write, unit 1 is not: neither may be marked as written by the refused copy.
  refusal(ErrorCode::check_failed, [&] { sim.up(sim.prefetch, 0, 2000); });
  EXPECT_EQ(sim.device->now_ns(), 10U);
  sim.up(sim.demand, 0, 1000);
  sim.device->synchronize();
  EXPECT_EQ(sim.device->times(sim.prefetch).busy_ns, 0U);
}

TEST(SimOrder, TheCheckCanBeLeftOut) {
  Sim sim(plain_profile(), {0, 0, false});
  sim.up(sim.prefetch, 0, 1000);
  sim.up(sim.demand, 0, 1000);
  sim.device->launch(sim.compute, sim.expert(0, 1000), 0);
  sim.device->synchronize();
}

}  // namespace
}  // namespace prophet::sim_test
