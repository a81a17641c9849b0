#include <gmock/gmock.h>

#include "tests/device/sim/sim_fixture.hpp"

namespace prophet::sim_test {
namespace {

using testing::HasSubstr;

/// Launches a verified expert over the slab at `offset` after everything so far; true when it was accepted.
bool verifies(Sim& sim, std::uint64_t offset, std::uint64_t bytes, std::uint64_t source_offset) {
  sim.device->synchronize();
  ExpertOp op = sim.expert(offset, bytes, true);
  op.source = sim.host.slice(source_offset, bytes);
  sim.device->launch(sim.compute, op, 0);
  try {
    sim.device->synchronize();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::check_failed);
    sim.device->synchronize();  // thrown once
    return false;
  }
  return true;
}

void copy(Sim& sim, std::uint64_t to, std::uint64_t from, std::uint64_t bytes) {
  sim.device->copy(sim.demand, sim.arena.slice(to, bytes), sim.host.slice(from, bytes), 0);
}

TEST(SimContent, AnExpertCopiedWholeOrInChunksVerifies) {
  Sim sim;
  copy(sim, 0, 30'000, 9'500);
  EXPECT_TRUE(verifies(sim, 0, 9'500, 30'000));
  for (std::uint64_t at = 0; at < 9'500; at += 500) copy(sim, 10'000 + at, 40'000 + at, 500);
  EXPECT_TRUE(verifies(sim, 10'000, 9'500, 40'000));
}

TEST(SimContent, TheWrongExpertIsCaughtAtTheNextSynchronisation) {
  Sim sim;
  copy(sim, 0, 30'000, 9'500);
  sim.device->synchronize();
  ExpertOp op = sim.expert(0, 9'500, true);
  op.source = sim.host.slice(40'000, 9'500);
  sim.device->launch(sim.compute, op, 0);
  EXPECT_THAT(
      refusal(ErrorCode::check_failed, [&] { sim.device->synchronize(); }),
      HasSubstr("unit 0 of slab 0 of buffer 2 at offset 0 does not hold the bytes of buffer 1 at offset "
                "40000"));
}

TEST(SimContent, EveryCallThatSynchronisesTells) {
  for (int way = 0; way < 2; ++way) {
    Sim sim;
    sim.device->launch(sim.compute, sim.expert(0, 100, true), 0);
    const EventId events[] = {sim.mark(sim.compute)};
    refusal(ErrorCode::check_failed, [&] {
      if (way == 0) sim.device->synchronize(events[0]);
      if (way == 1) (void)sim.device->wait_any(events);
    });
  }
}

TEST(SimContent, OneMissingOrForeignChunkIsCaught) {
  Sim sim;
  copy(sim, 0, 30'000, 4'000);
  copy(sim, 5'000, 35'000, 4'500);
  EXPECT_FALSE(verifies(sim, 0, 9'500, 30'000)) << "unit 4 was never copied";
  copy(sim, 4'000, 54'000, 1'000);
  EXPECT_FALSE(verifies(sim, 0, 9'500, 30'000)) << "unit 4 is another expert's";
  copy(sim, 4'000, 34'000, 1'000);
  EXPECT_TRUE(verifies(sim, 0, 9'500, 30'000));
  copy(sim, 9'000, 39'000, 400);
  EXPECT_TRUE(verifies(sim, 0, 9'500, 30'000)) << "the same bytes again change nothing";
}

TEST(SimContent, AHalfCopiedUnitIsCaught) {
  Sim sim;
  copy(sim, 0, 30'000, 9'400);
  EXPECT_FALSE(verifies(sim, 0, 9'500, 30'000));
}

TEST(SimContent, AResultWrittenIntoASlabIsNoWeight) {
  Sim sim;
  copy(sim, 0, 30'000, 9'500);
  sim.device->synchronize();
  ExpertOp op = sim.expert(10'000, 100);
  op.output = sim.arena.slice(3'000, 100);
  sim.device->launch(sim.compute, op, 0);
  EXPECT_FALSE(verifies(sim, 0, 9'500, 30'000));
}

TEST(SimContent, ASlabMovedWithinTheDeviceKeepsItsOrigin) {
  Sim sim;
  copy(sim, 0, 30'000, 9'500);
  sim.device->copy(sim.demand, sim.arena.slice(20'000, 9'500), sim.arena.slice(0, 9'500), 0);
  EXPECT_TRUE(verifies(sim, 20'000, 9'500, 30'000));
  EXPECT_FALSE(verifies(sim, 20'000, 9'500, 0));
}

TEST(SimContent, AFreedSourceIsForgotten) {
  Sim sim;
  const BufferView store = sim.device->allocate(MemoryKind::host_pinned, 1000);
  sim.device->copy(sim.demand, sim.arena.slice(0, 1000), store, 0);
  sim.device->synchronize();
  sim.device->free(store);
  EXPECT_FALSE(verifies(sim, 0, 1000, 0));
}

}  // namespace
}  // namespace prophet::sim_test
