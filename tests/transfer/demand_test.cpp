#include "tests/transfer/transfer_world.hpp"

namespace prophet::transfer_test {
namespace {

TEST(Demand, CopiesTheExpertAtOnceAndWhole) {
  World world;
  world.fetch(a);
  world.finish_layer();
  const auto copies = world.log.copies(world.queue.demand_stream());
  ASSERT_EQ(copies.size(), 1U);
  EXPECT_EQ(copies[0].bytes, World::expert_bytes);
  EXPECT_EQ(copies[0].tag, a.value);
  EXPECT_EQ(copies[0].end_ns - copies[0].start_ns, World::expert_bytes);
  EXPECT_EQ(world.queue.bytes().demand, World::expert_bytes);
  world.expect_conserved();
}

TEST(Demand, IsCompleteOnlyWhenTheHostHasSeenTheLayerEnd) {
  World world;
  world.fetch(a);
  world.queue.pump();
  EXPECT_TRUE(world.cache.is_loading(a));
  world.finish_layer();
  EXPECT_FALSE(world.cache.is_loading(a));
}

/// The link is busy with a prefetch of four chunks when the demand arrives.
std::uint64_t demand_start_ns(std::uint64_t chunk_bytes, std::uint64_t* first_chunk_start_ns) {
  WorldOptions options;
  options.chunk_bytes = chunk_bytes;
  options.chunks_in_flight = 4;
  World world(options);
  world.prefetch(c);
  world.queue.pump();
  world.fetch(a);
  world.finish_layer();
  world.queue.drain();
  *first_chunk_start_ns = world.log.copies(world.queue.prefetch_stream()).front().start_ns;
  return world.log.copies(world.queue.demand_stream()).front().start_ns;
}

TEST(Demand, WaitsForOneChunkOfPrefetchAndNoMore) {
  for (const std::uint64_t chunk_bytes : {100U, 250U, 300U, 999U, 1000U, 4096U}) {
    SCOPED_TRACE(chunk_bytes);
    std::uint64_t first_chunk_start_ns = 0;
    const std::uint64_t start_ns = demand_start_ns(chunk_bytes, &first_chunk_start_ns);
    EXPECT_EQ(start_ns, first_chunk_start_ns + std::min<std::uint64_t>(chunk_bytes, World::expert_bytes));
  }
}

TEST(Demand, IntoASlabThatIsReadWaitsForItsReaders) {
  World world({.slabs = 1});
  world.fetch(a, 5'000'000);  // 5 us of arithmetic: far longer than a copy
  world.fetch(b);
  world.finish_layer();
  const auto copies = world.log.copies(world.queue.demand_stream());
  ASSERT_EQ(copies.size(), 2U);
  EXPECT_GE(copies[1].start_ns, 5'000U);
  world.expect_conserved();
}

TEST(Demand, IntoASlabWhoseReadersTheHostHasSeenEndWaitsForNothing) {
  World world({.slabs = 1});
  world.fetch(a);
  world.finish_layer();
  const std::uint64_t waits = world.device.calls(DeviceCall::wait);
  world.fetch(b);
  EXPECT_EQ(world.device.calls(DeviceCall::wait), waits + 1);  // the compute stream's, for ready()
  world.finish_layer();
}

TEST(Demand, ThatTheDeviceRefusesIsAnError) {
  World world;
  world.device.add({DeviceCall::copy, 1, ErrorCode::out_of_memory});
  expect_error(ErrorCode::out_of_memory, [&] { world.fetch(a); });
}

}  // namespace
}  // namespace prophet::transfer_test
