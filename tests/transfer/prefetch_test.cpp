#include "tests/transfer/transfer_world.hpp"

#include "prophet/limits.hpp"

namespace prophet::transfer_test {
namespace {

TEST(Prefetch, IsCutIntoChunksOfWhichTheLastIsShorter) {
  World world;
  world.prefetch(c);
  world.queue.drain();
  const auto copies = world.log.copies(world.queue.prefetch_stream());
  ASSERT_EQ(copies.size(), chunks);
  for (std::size_t i = 0; i < chunks; ++i) EXPECT_EQ(copies[i].bytes, i + 1 < chunks ? 300U : 100U);
  EXPECT_FALSE(world.cache.is_loading(c));
  world.expect_conserved();
  EXPECT_EQ(world.queue.bytes().prefetch_wasted, World::expert_bytes);
}

TEST(Prefetch, HasOnlyAFewChunksOnTheDeviceAtATime) {
  for (std::uint32_t in_flight = 1; in_flight <= chunks; ++in_flight) {
    World world({.chunks_in_flight = in_flight});
    world.prefetch(c);
    world.queue.pump();
    EXPECT_EQ(world.queue.bytes().copied, first_chunks_bytes(in_flight));
    world.queue.pump();
    EXPECT_EQ(world.queue.bytes().copied, first_chunks_bytes(in_flight));
    EventId oldest;
    ASSERT_TRUE(world.queue.oldest_chunk(oldest));
    world.device.synchronize(oldest);
    world.queue.pump();
    EXPECT_EQ(world.queue.bytes().copied, first_chunks_bytes(std::min(in_flight + 1, chunks)));
    world.expect_conserved();
  }
}

TEST(Prefetch, NothingIsOnTheDeviceBeforePumpAndNothingIsOldestThen) {
  World world;
  world.prefetch(c);
  EventId oldest;
  EXPECT_FALSE(world.queue.oldest_chunk(oldest));
  EXPECT_EQ(world.device.calls(DeviceCall::copy), 0U);
  EXPECT_EQ(world.queue.queued(), 1U);
}

TEST(Prefetch, ThatIsCompleteIsReadWithoutACopyOrAWait) {
  World world;
  const SlabTicket ticket = world.prefetch(c);
  world.queue.drain();
  const std::array wanted{c};
  const LayerLease lease = world.cache.acquire(wanted);
  ASSERT_EQ(lease.hits().size(), 1U);
  EXPECT_EQ(lease.hits()[0].outcome, Outcome::hit_on_time);
  EXPECT_TRUE(lease.hits()[0].first_use_of_prefetch);
  world.read(ticket);
  world.queue.record_reads(world.compute.id());
  world.finish_layer();
}

/// How far a prefetch has come when its layer wants it, and in which order its chunks are copied.
class PromotedPrefetch : public testing::TestWithParam<std::tuple<std::uint32_t, bool>> {};

TEST_P(PromotedPrefetch, IsFinishedOnTheDemandStreamAndHoldsTheExpert) {
  const auto [submitted, shuffle] = GetParam();
  World world({.chunks_in_flight = std::max(1U, submitted), .shuffle_chunks = shuffle, .seed = 5});
  world.prefetch(c);
  if (submitted > 0) world.queue.pump();
  world.fetch(c);  // verifies the contents
  world.finish_layer();
  EXPECT_EQ(world.log.copies(world.queue.prefetch_stream()).size(), submitted);
  if (!shuffle) {
    EXPECT_EQ(world.log.copied_bytes(world.queue.demand_stream()),
              World::expert_bytes - first_chunks_bytes(submitted));
  }
  EXPECT_EQ(world.queue.queued(), 0U);
  EXPECT_FALSE(world.cache.is_loading(c));
  world.expect_conserved();
  EXPECT_EQ(world.queue.bytes().copied, World::expert_bytes);
  EXPECT_EQ(world.queue.bytes().prefetch_useful, World::expert_bytes);
  EXPECT_EQ(world.queue.bytes().prefetch_late, World::expert_bytes);
}

TEST_P(PromotedPrefetch, OvertakesThePrefetchesQueuedBeforeIt) {
  const auto [submitted, shuffle] = GetParam();
  World world(
      {.slabs = 3, .chunks_in_flight = std::max(1U, submitted), .shuffle_chunks = shuffle, .seed = 6});
  world.prefetch(b);
  if (submitted > 0) world.queue.pump();
  world.prefetch(c);
  world.fetch(c);
  world.finish_layer();
  const auto demanded = world.log.copies(world.queue.demand_stream());
  ASSERT_FALSE(demanded.empty());
  world.queue.drain();
  const auto prefetched = world.log.copies(world.queue.prefetch_stream());
  ASSERT_EQ(prefetched.size(), chunks);
  EXPECT_LT(demanded.back().start_ns, prefetched.back().start_ns);
  world.expect_conserved();
}

INSTANTIATE_TEST_SUITE_P(AtEveryChunk, PromotedPrefetch,
                         testing::Combine(testing::Range(0U, chunks + 1), testing::Bool()));

TEST(Prefetch, RunsInTheOrderInWhichItWasQueued) {
  World world({.slabs = 3});
  world.prefetch(c);
  world.prefetch(a);
  world.queue.drain();
  const auto copies = world.log.copies(world.queue.prefetch_stream());
  ASSERT_EQ(copies.size(), 2 * chunks);
  for (std::size_t i = 0; i < copies.size(); ++i) EXPECT_EQ(copies[i].tag, i < chunks ? c.value : a.value);
}

TEST(Prefetch, HasRoomForAsManyAsItWasBuiltFor) {
  World world({.slabs = 3, .queued_prefetches_max = 2});
  EXPECT_TRUE(world.queue.has_room());
  world.prefetch(c);
  world.prefetch(a);
  EXPECT_FALSE(world.queue.has_room());
  world.queue.drain();
  EXPECT_TRUE(world.queue.has_room());
}

TEST(Prefetch, ChunksAndTheirNumberAreNotZero) {
  expect_error(ErrorCode::usage, [] { World world({.chunk_bytes = 0}); });
  expect_error(ErrorCode::usage, [] { World world({.chunks_in_flight = 0}); });
}

TEST(Prefetch, InMoreChunksThanTheLimitIsRefused) {
  constexpr std::uint64_t expert_bytes = limits::chunks_per_expert_max + 1;
  const auto device = make_sim_device(plain_profile(), {});
  const HostStore store(*device, World::grid, expert_bytes, nullptr);
  const Arena arena = Arena::plan(expert_bytes, 1);
  const Buffer slabs(*device, MemoryKind::device, arena.total_bytes());
  ExpertCache cache(World::grid, {1, 0}, World::lru(1));
  expect_error(ErrorCode::usage,
               [&] { TransferQueue(*device, store, arena, slabs.view(), cache, {.chunk_bytes = 1}); });
  EXPECT_NO_THROW(TransferQueue(*device, store, arena, slabs.view(), cache, {.chunk_bytes = 2}));
}

}  // namespace
}  // namespace prophet::transfer_test
