#include "tests/transfer/transfer_world.hpp"

namespace prophet::transfer_test {
namespace {

/// What the other tests rest on: this device finds a reader that nothing waits for.
TEST(StreamOrder, IsReallyChecked) {
  World world({.slabs = 1});
  const std::array wanted{a};
  LayerLease lease = world.cache.acquire(wanted);
  const SlabTicket ticket = lease.misses().front().ticket;
  world.queue.demand(ticket);
  ExpertOp op;
  op.slab = world.queue.slab_view(ticket.slab);
  op.hidden = world.hidden.view();
  op.output = world.output.view();
  op.rows = World::row;
  op.hidden_size = 1;
  expect_error(ErrorCode::check_failed, [&] { world.device.launch(world.compute.id(), op, 0); });
}

TEST(StreamOrder, WrongContentsAreReallyFound) {
  World world({.slabs = 1});
  const SlabTicket ticket = world.fetch(a);
  world.finish_layer();
  world.read({b, ticket.slab, ticket.generation});  // it holds `a`
  expect_error(ErrorCode::check_failed, [&] { world.finish_layer(); });
}

TEST(StreamOrder, APrefetchIntoASlabThatIsReadWaitsForItsReaders) {
  World world({.slabs = 1});
  world.fetch(a, 5'000'000);
  world.prefetch(c);  // evicts `a`, whose readers run for 5 us
  world.queue.drain();
  const auto copies = world.log.copies(world.queue.prefetch_stream());
  ASSERT_EQ(copies.size(), chunks);
  EXPECT_GE(copies[0].start_ns, 5'000U);
  world.expect_conserved();
}

TEST(StreamOrder, APrefetchPromotedBeforeItBeganWaitsForTheSlabsReaders) {
  World world({.slabs = 1});
  world.fetch(a, 5'000'000);
  world.prefetch(c);
  world.fetch(c);
  world.finish_layer();
  const auto copies = world.log.copies(world.queue.demand_stream());
  ASSERT_GE(copies.size(), 2U);
  EXPECT_GE(copies[1].start_ns, 5'000U);
  world.expect_conserved();
}

TEST(StreamOrder, ASlabHasItsReadersForgottenOnceTheHostHasSeenThemEnd) {
  World world({.slabs = 1});
  for (std::uint32_t i = 0; i < 20; ++i) {
    world.fetch(ExpertIndex{i % World::grid.size()});
    if (i % 3 == 0) world.finish_layer();
  }
  world.finish_layer();
  world.expect_conserved();
  EXPECT_EQ(world.queue.bytes().demand, 20 * World::expert_bytes);
}

}  // namespace
}  // namespace prophet::transfer_test
