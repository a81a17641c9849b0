// Pages on a device go where the books of the KV cache say, whatever runs beside them and whatever the device
// refuses. On the sim an event too few is an error of the call that needed it; elsewhere a wrong byte is.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/engine/kv_tenant_suite.hpp"

namespace prophet::engine_test {
namespace {

constexpr std::uint32_t slabs = 6;
constexpr std::uint32_t tokens = 16;  // 4 blocks of two pages, and 4 of one

SlabId slab_of_first_page(const TenantWorld& world, KvSequenceId sequence) {
  const BlockId first = world.kv.blocks(sequence, KvGroupId{0}).front();
  return world.kv.pool().page_pool().grid().slab_of(world.kv.pool().pages(first).front());
}

/// Both tenants' bytes, all of them, are where they belong.
void read_everything(TenantWorld& world, KvSequenceId sequence, std::uint64_t step, std::uint32_t first) {
  world.read_sequence(sequence, step, first);
  for (std::uint32_t layer = 0; layer < TenantWorld::grid.layers; ++layer) {
    std::vector<ExpertIndex> wanted;
    for (std::uint32_t e = 0; e < TenantWorld::grid.experts; ++e)
      wanted.push_back(ExpertIndex{layer * TenantWorld::grid.experts + e});
    world.read_experts(wanted);
  }
  world.read_sequence(sequence, step + 1, first);
  world.settle();
}

TEST_P(KvTenantOn, PagesOfASlabThatGoesBackMoveWithTheirContents) {
  TenantWorld world(make(), slabs);
  world.lend_all();
  ASSERT_EQ(world.cache.lent_slabs(), slabs - 1);
  const KvSequenceId sequence = world.begin_sequence(tokens, 1, 3);
  const SlabId slab = slab_of_first_page(world, sequence);
  ASSERT_EQ(world.tenant.reclaim(slab), KvReclaimed::under_way);
  EXPECT_EQ(world.kv.pool().referenced_pages(slab), 0U);
  EXPECT_EQ(world.tenant.leaving(), 1U);
  EXPECT_EQ(world.cache.lent_slabs(), slabs - 1);
  world.read_sequence(sequence, 2, 3);
  world.pump_all();
  EXPECT_EQ(world.cache.lent_slabs(), slabs - 2);
  read_everything(world, sequence, 3, 3);
}

TEST_P(KvTenantOn, ALentSlabIsNotWrittenBeforeACancelledPrefetchHasArrived) {
  TenantWorld world(make(), 2);
  world.prefetch(ExpertIndex{1});
  world.queue.cancel_layer(LayerId{0});
  ASSERT_TRUE(world.lend());  // the slab that was freed last
  const KvSequenceId sequence = world.begin_sequence(4, 1, 3);
  read_everything(world, sequence, 2, 3);
}

TEST_P(KvTenantOn, ThePoolGrowsAndShrinksWhileMovesAreUnderWay) {
  TenantWorld world(make(), slabs + 2);
  world.lend_all();
  const KvSequenceId sequence = world.begin_sequence(tokens, 1, 3);
  const SlabId slab = slab_of_first_page(world, sequence);
  ASSERT_EQ(world.tenant.reclaim(slab), KvReclaimed::under_way);
  const KvSequenceId second = world.begin_sequence(8, 2, 30);
  world.read_sequence(sequence, 3, 3);
  world.pump_all();
  ASSERT_TRUE(world.lend());  // the same slab, or one in its place
  const KvSequenceId third = world.begin_sequence(8, 4, 11);
  ASSERT_EQ(world.tenant.reclaim(slab_of_first_page(world, second)), KvReclaimed::under_way);
  world.read_sequence(second, 5, 30);
  world.read_sequence(third, 6, 11);
  world.pump_all();
  read_everything(world, sequence, 7, 3);
}

TEST_P(KvTenantOn, ASlabThatARunningStepUsesIsLeftAlone) {
  TenantWorld world(make(), slabs);
  world.lend_all();
  const KvSequenceId sequence = world.begin_sequence(tokens, 1, 3);
  const SlabId slab = slab_of_first_page(world, sequence);
  world.tenant.begin_step(2);
  EXPECT_EQ(world.tenant.reclaim(slab), KvReclaimed::deferred);
  world.submit_reads(sequence, 3);
  EXPECT_EQ(world.tenant.reclaim(slab), KvReclaimed::deferred);
  world.tenant.end_step(2);
  EXPECT_EQ(world.tenant.reclaim(slab), KvReclaimed::under_way);  // its kernels may still run
  world.pump_all();
  read_everything(world, sequence, 3, 3);
}

TEST_P(KvTenantOn, AnEmptySlabGoesBackBehindItsLastReaders) {
  TenantWorld world(make(), slabs);
  world.lend_all();
  const KvSequenceId sequence = world.begin_sequence(tokens, 1, 3);
  const SlabId slab = slab_of_first_page(world, sequence);
  world.read_sequence(sequence, 2, 3);
  world.kv.free(sequence);
  EXPECT_EQ(world.tenant.reclaim(slab), KvReclaimed::taken_back);
  EXPECT_EQ(world.cache.lent_slabs(), slabs - 2);
  world.read_experts({ExpertIndex{0}, ExpertIndex{1}});
  world.read_experts({ExpertIndex{4}, ExpertIndex{5}});
  world.settle();
}

TEST_P(KvTenantOn, WhatHasNoRoomStays) {
  TenantWorld world(make(), slabs);
  ASSERT_TRUE(world.lend() && world.lend());
  const KvSequenceId sequence = world.begin_sequence(8, 1, 3);  // 6 of 10 pages
  const SlabId slab = slab_of_first_page(world, sequence);
  ASSERT_EQ(world.kv.pool().referenced_pages(slab), 5U);
  EXPECT_EQ(world.tenant.reclaim(slab), KvReclaimed::no_room);
  read_everything(world, sequence, 2, 3);
}

TEST_P(KvTenantOn, SwappedPagesComeBackAsTheyWere) {
  TenantWorld world(make(), slabs);
  ASSERT_TRUE(world.lend() && world.lend() && world.lend());
  const KvSequenceId swapped = world.begin_sequence(tokens, 1, 3);
  world.tenant.swap_out(world.kv.swap_out(swapped).value());
  const KvSequenceId other = world.begin_sequence(tokens, 2, 40);  // over its pages
  world.read_sequence(other, 3, 40);
  world.kv.free(other);
  world.tenant.swap_in(world.kv.swap_in(swapped).value());
  read_everything(world, swapped, 4, 3);
}

TEST_P(KvTenantOn, ASharedPageIsCopiedBeforeItIsWritten) {
  TenantWorld world(make(), slabs);
  world.lend_all();
  const KvSequenceId first = world.begin_sequence(6, 1, 3);
  const KvSequenceId second = world.kv.fork(first).value();
  const KvAppended appended = world.kv.append_unnamed(second, 1);
  ASSERT_TRUE(appended);
  ASSERT_FALSE(appended.copies.empty());
  world.tenant.copy(appended.copies);
  world.read_sequence(second, 2, 3);
  world.tenant.begin_step(3);
  world.write(world.tenant.page(world.kv.pool().pages(world.kv.blocks(second, KvGroupId{0})[1])[0]), 60);
  world.tenant.end_step(3);
  read_everything(world, first, 4, 3);
}

TEST_P(KvTenantOn, ACopyAskedForInAStepWaitsForTheStepsLastKernel) {
  TenantWorld world(make(), slabs);
  ASSERT_TRUE(world.lend() && world.lend() && world.lend());
  const KvSequenceId swapped = world.begin_sequence(tokens, 1, 3);
  world.tenant.swap_out(world.kv.swap_out(swapped).value());
  const KvSequenceId running = world.begin_sequence(tokens, 2, 40);
  std::vector<BufferView> pages;
  for (const BlockId block : world.kv.blocks(running, KvGroupId{1}))
    pages.push_back(world.tenant.page(world.kv.pool().pages(block).front()));

  world.tenant.begin_step(3);
  world.submit_reads(running, 40);
  world.kv.free(running);
  world.tenant.swap_in(world.kv.swap_in(swapped).value());  // into its pages
  EXPECT_TRUE(world.tenant.has_queued_copies());
  for (std::size_t b = 0; b < pages.size(); ++b) world.verify(pages[b], TenantWorld::pattern_of(40, 1, b, 0));
  world.tenant.end_step(3);
  read_everything(world, swapped, 4, 3);
}

/// Everything that the two can be asked for, to be compared.
std::vector<std::uint32_t> figures(const TenantWorld& world) {
  const BlockPool& pool = world.kv.pool();
  return {pool.lent_pages(),    pool.free_pages(),        pool.referenced_pages(),
          pool.queued_blocks(), world.cache.lent_slabs(), world.tenant.leaving()};
}

/// With a refusal of the first, the second, ... call in turn `act` either throws and changes nothing, and
/// succeeds when it is tried again, or does what it should. `prepare(world)` and `finish(world)` go with it.
template <class Prepare, class Act, class Finish>
void with_every_refusal(const std::function<std::unique_ptr<Device>()>& make, Prepare prepare, Act act,
                        Finish finish) {
  for (std::uint64_t before = 0;; ++before) {
    SCOPED_TRACE("a refusal after " + std::to_string(before) + " calls");
    ASSERT_LT(before, 100U);
    TenantWorld world(make(), slabs);
    auto state = prepare(world);
    const std::vector<std::uint32_t> figures_before = figures(world);
    world.device.refuse_after(before);
    bool thrown = false;
    try {
      act(world, state);
    } catch (const Error& error) {
      thrown = true;
      EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
    }
    const std::uint64_t refused = world.device.relent();
    if (thrown) {
      EXPECT_EQ(figures(world), figures_before);
      EXPECT_NO_THROW(world.kv.check_invariants());
      EXPECT_NO_THROW(act(world, state));
    }
    finish(world, state);
    if (refused == 0) {
      EXPECT_GT(before, 1U) << "it makes calls that can be refused";
      return;
    }
  }
}

TEST_P(KvTenantOn, AReclaimThatIsRefusedLeavesTheSlabOrIsFinishedLater) {
  with_every_refusal(
      make,
      [](TenantWorld& world) {
        world.lend_all();
        return world.begin_sequence(tokens, 1, 3);
      },
      [](TenantWorld& world, KvSequenceId sequence) {
        ASSERT_EQ(world.tenant.reclaim(slab_of_first_page(world, sequence)), KvReclaimed::under_way);
      },
      [](TenantWorld& world, KvSequenceId sequence) {
        world.read_sequence(sequence, 2, 3);
        world.pump_all();
        EXPECT_EQ(world.cache.lent_slabs(), slabs - 2);
        read_everything(world, sequence, 3, 3);
      });
}

TEST_P(KvTenantOn, AnEmptySlabWhoseReturnIsRefusedStaysLent) {
  with_every_refusal(
      make,
      [](TenantWorld& world) {
        world.lend_all();
        const KvSequenceId sequence = world.begin_sequence(tokens, 1, 3);
        const SlabId slab = slab_of_first_page(world, sequence);
        world.kv.free(sequence);
        return slab;
      },
      [](TenantWorld& world, SlabId slab) { ASSERT_EQ(world.tenant.reclaim(slab), KvReclaimed::taken_back); },
      [](TenantWorld& world, SlabId) {
        EXPECT_EQ(world.cache.lent_slabs(), slabs - 2);
        const KvSequenceId sequence = world.begin_sequence(8, 2, 5);
        read_everything(world, sequence, 3, 5);
      });
}

TEST_P(KvTenantOn, AReturnThatIsRefusedIsTriedAgain) {
  with_every_refusal(
      make,
      [](TenantWorld& world) {
        world.lend_all();
        const KvSequenceId sequence = world.begin_sequence(tokens, 1, 3);
        EXPECT_EQ(world.tenant.reclaim(slab_of_first_page(world, sequence)), KvReclaimed::under_way);
        return sequence;
      },
      [](TenantWorld& world, KvSequenceId) { world.pump_all(); },
      [](TenantWorld& world, KvSequenceId sequence) {
        EXPECT_EQ(world.cache.lent_slabs(), slabs - 2);
        read_everything(world, sequence, 2, 3);
      });
}

TEST_P(KvTenantOn, ALoanThatIsRefusedLeavesTheSlabWithTheExperts) {
  with_every_refusal(
      make,
      [](TenantWorld& world) {
        world.read_experts({ExpertIndex{0}, ExpertIndex{1}, ExpertIndex{2}, ExpertIndex{3}});
        world.read_experts({ExpertIndex{4}, ExpertIndex{5}, ExpertIndex{6}, ExpertIndex{7}});
        return 0;
      },
      [](TenantWorld& world, int) { ASSERT_TRUE(world.lend()); },
      [](TenantWorld& world, int) {
        const KvSequenceId sequence = world.begin_sequence(4, 1, 3);
        read_everything(world, sequence, 2, 3);
      });
}

TEST_P(KvTenantOn, CopiesThatAreRefusedComeBeforeTheNextStep) {
  with_every_refusal(
      make,
      [](TenantWorld& world) {
        world.lend_all();
        const KvSequenceId sequence = world.begin_sequence(tokens, 1, 3);
        world.device.refuse_after(0, 3);
        world.tenant.swap_out(world.kv.swap_out(sequence).value());
        world.tenant.swap_in(world.kv.swap_in(sequence).value());
        EXPECT_TRUE(world.tenant.has_queued_copies());
        EXPECT_GT(world.device.relent(), 0U);
        return sequence;
      },
      [](TenantWorld& world, KvSequenceId) { world.tenant.begin_step(2); },
      [](TenantWorld& world, KvSequenceId sequence) {
        EXPECT_FALSE(world.tenant.has_queued_copies());
        world.submit_reads(sequence, 3);
        world.tenant.end_step(2);
        read_everything(world, sequence, 3, 3);
      });
}

TEST_P(KvTenantOn, NeighbouringPagesGoAsOneCopy) {
  TenantWorld world(make(), slabs);
  PageCopier copier(world.device, {world.slabs.view(), world.arena.stride_bytes},
                    world.kv.pool().page_pool().grid(), 2, world.compute.id());
  const auto pages = [](std::uint32_t from, std::uint32_t to) { return PageCopy{PageId{from}, PageId{to}}; };
  copier.add(std::vector{pages(0, 5), pages(1, 6), pages(2, 7)});
  EXPECT_EQ(copier.asked(), 1U);
  copier.add(std::vector{pages(3, 9), pages(4, 10)});  // slabs end between 9 and 10
  EXPECT_EQ(copier.asked(), 3U);
  copier.add(std::vector{pages(11, 12), pages(12, 13)});  // one after the other, not together
  EXPECT_EQ(copier.asked(), 5U);
  copier.add_to_host(std::vector{KvSwap{PageId{20}, HostSlotId{0}}, KvSwap{PageId{21}, HostSlotId{1}}});
  EXPECT_EQ(copier.asked(), 6U);
  copier.forget_queued();
  EXPECT_EQ(copier.asked(), 0U);
}

TEST_P(KvTenantOn, PagesThatDoNotFitTheArenaAreOneSentence) {
  TenantWorld world(make(), slabs);
  const auto expect_usage = [&](const PageMemory& memory, KvTenantOptions options) {
    try {
      const KvTenant tenant(world.device, world.cache, world.queue, world.kv, memory, world.compute.id(),
                            options);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
    }
  };
  expect_usage({world.slabs.view(), 1024}, {});
  expect_usage({world.slabs.view().slice(0, 8192), 8192}, {});
  expect_usage({world.slabs.view(), world.arena.stride_bytes}, {0});
}

}  // namespace
}  // namespace prophet::engine_test
