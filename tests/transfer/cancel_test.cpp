#include "tests/transfer/transfer_world.hpp"

namespace prophet::transfer_test {
namespace {

/// Chunks submitted before the prefetch is dropped, and whether they are copied in a random order.
class CancelledPrefetch : public testing::TestWithParam<std::tuple<std::uint32_t, bool>> {
 protected:
  /// One slab, in which a prefetch of `c` has come so far.
  static WorldOptions one_slab() {
    const auto [submitted, shuffle] = GetParam();
    return {.slabs = 1, .chunks_in_flight = std::max(1U, submitted), .shuffle_chunks = shuffle, .seed = 4};
  }
  static std::uint32_t submitted() { return std::get<0>(GetParam()); }
  static SlabTicket begin(World& world) {
    const SlabTicket ticket = world.prefetch(c);
    if (submitted() > 0) world.queue.pump();
    return ticket;
  }
  static void expect_booked(const World& world) {
    const TransferBytes& bytes = world.queue.bytes();
    const bool whole = submitted() == chunks;
    EXPECT_EQ(bytes.prefetch_wasted, whole ? World::expert_bytes : 0U);
    const bool shuffled = std::get<1>(GetParam());
    if (!shuffled) {
      EXPECT_EQ(bytes.prefetch_cancelled, whole ? 0U : first_chunks_bytes(submitted()));
    }
  }
};

TEST_P(CancelledPrefetch, GivesItsSlabToADemandBehindTheChunksInFlight) {
  World world(one_slab());
  begin(world);
  world.fetch(a);  // evicts the prefetch; the sim checks the order and what the slab holds
  world.finish_layer();
  const auto prefetched = world.log.copies(world.queue.prefetch_stream());
  const auto demanded = world.log.copies(world.queue.demand_stream());
  EXPECT_EQ(prefetched.size(), submitted());
  ASSERT_EQ(demanded.size(), 1U);
  if (!prefetched.empty()) {
    EXPECT_GE(demanded[0].start_ns, prefetched.back().end_ns);
  }
  EXPECT_EQ(world.queue.queued(), 0U);
  expect_booked(world);
  world.expect_conserved();
}

TEST_P(CancelledPrefetch, GivesItsSlabToAnotherPrefetch) {
  World world(one_slab());
  const SlabTicket first = begin(world);
  world.queue.cancel(first);
  ASSERT_TRUE(world.cache.abandon(first));
  const SlabTicket second = world.prefetch(a);
  EXPECT_EQ(second.slab, first.slab);
  world.queue.drain();
  EXPECT_FALSE(world.cache.is_loading(a));
  world.fetch(a);
  world.finish_layer();
  expect_booked(world);
  world.expect_conserved();
}

TEST_P(CancelledPrefetch, CompletesNothingThatCameAfterIt) {
  World world(one_slab());
  begin(world);
  const std::array wanted{a};
  LayerLease lease = world.cache.acquire(wanted);
  for (const Evicted& gone : lease.evicted()) world.leave(gone);
  const SlabTicket demanded = lease.misses().front().ticket;
  world.queue.demand(demanded);
  EventId oldest;
  while (world.queue.oldest_chunk(oldest)) {
    world.device.synchronize(oldest);
    world.queue.pump();
  }
  EXPECT_TRUE(world.cache.is_loading(a)) << "a chunk of an older filling completed this one";
  world.read(demanded);
  world.queue.record_reads(world.compute.id());
  world.finish_layer();
  EXPECT_FALSE(world.cache.is_loading(a));
}

TEST_P(CancelledPrefetch, OfALayerThatHasRunGivesItsSlabBack) {
  World world(one_slab());
  begin(world);
  const bool is_queued = submitted() < chunks;
  EXPECT_EQ(world.queue.cancel_layer(LayerId{1}), is_queued ? 1U : 0U);
  EXPECT_EQ(world.cache.find(c).has_value(), !is_queued);
  if (is_queued) {
    EXPECT_EQ(world.cache.occupied_slabs(), 0U);
  }
  world.fetch(a);
  world.finish_layer();
  expect_booked(world);
  world.expect_conserved();
}

TEST_P(CancelledPrefetch, DroppedAloneGivesItsSlabBack) {
  World world(one_slab());
  const SlabTicket ticket = begin(world);
  const bool is_queued = submitted() < chunks;
  EXPECT_EQ(world.queue.drop(ticket), is_queued);
  EXPECT_FALSE(world.queue.drop(ticket)) << "twice";
  EXPECT_EQ(world.cache.find(c).has_value(), !is_queued);
  EXPECT_EQ(world.queue.demand_stream_bytes(), 0U);
  world.fetch(a);
  world.finish_layer();
  EXPECT_EQ(world.queue.demand_stream_bytes(), World::expert_bytes);
  expect_booked(world);
  world.expect_conserved();
}

INSTANTIATE_TEST_SUITE_P(AtEveryChunk, CancelledPrefetch,
                         testing::Combine(testing::Range(0U, chunks + 1), testing::Bool()));

TEST(CancelLayer, LeavesThePrefetchesOfOtherLayersAlone) {
  World world({.slabs = 3});
  world.prefetch(a);
  world.prefetch(c);
  world.prefetch(b);
  EXPECT_EQ(world.queue.cancel_layer(LayerId{0}), 2U);
  EXPECT_EQ(world.queue.queued(), 1U);
  EXPECT_FALSE(world.cache.find(a).has_value());
  EXPECT_FALSE(world.cache.find(b).has_value());
  world.queue.drain();
  EXPECT_FALSE(world.cache.is_loading(c));
  EXPECT_TRUE(world.cache.find(c).has_value());
  world.expect_conserved();
}

TEST(Drop, OfAPrefetchThatALayerHasLeasedDoesNothing) {
  World world({.slabs = 2});
  const SlabTicket ticket = world.prefetch(c);
  world.queue.pump();
  world.fetch(c);
  EXPECT_FALSE(world.queue.drop(ticket));
  world.finish_layer();
  EXPECT_TRUE(world.cache.find(c).has_value());
  world.expect_conserved();
}

TEST(CancelLayer, OfAPrefetchThatWasUsedMeanwhileDropsNothing) {
  World world;
  world.prefetch(c);
  world.queue.pump();
  world.fetch(c);
  EXPECT_EQ(world.queue.cancel_layer(LayerId{1}), 0U);
  world.finish_layer();
  EXPECT_TRUE(world.cache.find(c).has_value());
  world.expect_conserved();
}

}  // namespace
}  // namespace prophet::transfer_test
