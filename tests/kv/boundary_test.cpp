// Slabs come and go while sequences live on their pages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "tests/kv/kv_cases.hpp"

namespace prophet {
namespace {

using testing_support::LentCache;
using testing_support::one_layer;
using testing_support::Tokens;
using testing_support::tokens_from;
using Outcome = ReclaimPlan::Outcome;

/// The pages of a sequence in its only layer.
std::vector<std::uint32_t> pages_of(const KvCache& cache, KvSequenceId id) {
  std::vector<std::uint32_t> pages(64);
  pages.resize(cache.copy_page_table(id, KvGroupId{0}, 0, pages));
  return pages;
}

TEST(KvBoundary, ASlabWithoutReferencedPagesGoesAtOnceAndItsBlocksAreForgotten) {
  LentCache cache(one_layer(4), 2, 4);
  cache->free(cache->admit(tokens_from(0, 20))->sequence);  // all of slab 0 and a page of slab 1
  const ReclaimPlan plan = cache->pool().plan_reclaim(SlabId{0});
  ASSERT_EQ(plan.outcome, Outcome::ready);
  EXPECT_TRUE(plan.moves.empty());
  EXPECT_EQ(plan.forgotten, 4U);
  EXPECT_TRUE(cache->pool().commit_reclaim(SlabId{0}));
  EXPECT_EQ(cache->pool().lent_pages(), 4U);
  EXPECT_EQ(cache->find_prefix(tokens_from(0, 20)), 0U);
  cache->check_invariants();
}

TEST(KvBoundary, LivePagesMoveAndBlockTablesFollow) {
  LentCache cache(one_layer(4), 2, 4);
  const KvSequenceId id = cache->admit(tokens_from(0, 12))->sequence;
  const auto before = pages_of(*cache, id);
  const ReclaimPlan plan = cache->pool().plan_reclaim(SlabId{0});
  ASSERT_EQ(plan.outcome, Outcome::ready);
  EXPECT_EQ(pages_of(*cache, id), before) << "a plan changes nothing";
  const std::vector<PageCopy> moves(plan.moves.begin(), plan.moves.end());
  ASSERT_EQ(moves.size(), 3U);
  EXPECT_FALSE(cache->pool().commit_reclaim(SlabId{0})) << "copies are under way";
  const auto after = pages_of(*cache, id);
  for (std::size_t p = 0; p < 3; ++p) {
    EXPECT_EQ(moves[p].from.value, before[p]);
    EXPECT_EQ(moves[p].to.value, after[p]);
  }
  cache->pool().finish_reclaim(SlabId{0});
  EXPECT_FALSE(cache->pool().page_pool().is_lent(SlabId{0}));
  cache->check_invariants();
}

TEST(KvBoundary, GrowthWhileCopiesAreInFlightTouchesNeitherOldNorNewPlaces) {
  LentCache cache(one_layer(4), 3, 4);
  const KvSequenceId id = cache->admit(tokens_from(0, 12))->sequence;
  const auto old_places = pages_of(*cache, id);
  ASSERT_EQ(cache->pool().plan_reclaim(SlabId{0}).outcome, Outcome::ready);
  ASSERT_FALSE(cache->pool().commit_reclaim(SlabId{0}));
  const auto new_places = pages_of(*cache, id);
  const KvSequenceId other = cache->admit(tokens_from(100, 20))->sequence;
  EXPECT_FALSE(cache->append(id, tokens_from(12, 4))) << "old places are nobody's before the copies are done";
  for (const std::uint32_t page : pages_of(*cache, other)) {
    EXPECT_EQ(std::count(old_places.begin(), old_places.end(), page), 0);
    EXPECT_EQ(std::count(new_places.begin(), new_places.end(), page), 0);
  }
  cache->pool().finish_reclaim(SlabId{0});
  cache->pool().add_slab(SlabId{0});
  EXPECT_TRUE(cache->append(id, tokens_from(12, 4)));
}

TEST(KvBoundary, AReclaimThatDoesNotFitIsRefusedAndChangesNothing) {
  LentCache cache(one_layer(4), 2, 4);
  const KvSequenceId id = cache->admit(tokens_from(0, 24))->sequence;
  const auto before = pages_of(*cache, id);
  EXPECT_EQ(cache->pool().plan_reclaim(SlabId{0}).outcome, Outcome::no_room);
  EXPECT_THROW((void)cache->pool().commit_reclaim(SlabId{0}), Error);
  EXPECT_EQ(pages_of(*cache, id), before);
  cache->check_invariants();
}

TEST(KvBoundary, NothingThatARunningStepUsesIsMovedOrGivenAway) {
  LentCache cache(one_layer(4), 3, 4);
  const KvSequenceId id = cache->admit(tokens_from(0, 12))->sequence;
  cache->pool().begin_step(0);
  EXPECT_EQ(cache->pool().plan_reclaim(SlabId{0}).outcome, Outcome::deferred);
  EXPECT_EQ(cache->pool().plan_reclaim(SlabId{2}).outcome, Outcome::ready) << "nothing is there";
  cache->free(id);  // cancelled, while the step still reads it
  cache->pool().begin_step(1);
  EXPECT_EQ(cache->pool().plan_reclaim(SlabId{0}).outcome, Outcome::deferred);
  cache->pool().end_step(0);
  EXPECT_EQ(cache->pool().plan_reclaim(SlabId{0}).outcome, Outcome::ready)
      << "step 1 does not know the sequence";
  EXPECT_TRUE(cache->pool().commit_reclaim(SlabId{0}));
}

TEST(KvBoundary, APlanIsWorthlessOnceSomethingHasChanged) {
  LentCache cache(one_layer(4), 2, 8);
  const KvSequenceId id = cache->admit(tokens_from(0, 12))->sequence;
  ASSERT_EQ(cache->pool().plan_reclaim(SlabId{0}).outcome, Outcome::ready);
  ASSERT_TRUE(cache->append(id, Tokens{12}));
  EXPECT_THROW((void)cache->pool().commit_reclaim(SlabId{0}), Error);
  ASSERT_EQ(cache->pool().plan_reclaim(SlabId{0}).outcome, Outcome::ready);
  EXPECT_THROW((void)cache->pool().commit_reclaim(SlabId{1}), Error) << "the plan is of another slab";
  EXPECT_FALSE(cache->pool().commit_reclaim(SlabId{0}));
  EXPECT_THROW((void)cache->pool().plan_reclaim(SlabId{0}), Error) << "it is leaving already";
}

TEST(KvBoundary, CachedBlocksElsewhereMakeRoomOldestFirst) {
  LentCache cache(one_layer(4), 2, 4);
  const KvSequenceId id = cache->admit(tokens_from(0, 8))->sequence;  // pages 0 and 1
  cache->free(cache->admit(tokens_from(100, 8))->sequence);           // 2 and 3
  cache->free(cache->admit(tokens_from(200, 16))->sequence);          // slab 1
  const ReclaimPlan plan = cache->pool().plan_reclaim(SlabId{0});
  ASSERT_EQ(plan.outcome, Outcome::ready);
  EXPECT_EQ(plan.forgotten, 4U) << "two that lie here, and two of slab 1";
  ASSERT_FALSE(cache->pool().commit_reclaim(SlabId{0}));
  EXPECT_EQ(cache->find_prefix(tokens_from(200, 16)), 8U) << "the end of the text went first";
  EXPECT_EQ(cache->tokens(id), 8U);
}

TEST(KvBoundary, LayersOfOneBlockMayLieInSeveralSlabs) {
  LentCache cache({{{6, 64, 0, 4}}, 0, 256}, 3, 4);
  const KvSequenceId id = cache->admit(tokens_from(0, 4))->sequence;  // slab 0, and two pages of slab 1
  EXPECT_EQ(cache->pool().referenced_pages(SlabId{1}), 2U);
  ASSERT_EQ(cache->pool().plan_reclaim(SlabId{1}).moves.size(), 2U);
  ASSERT_FALSE(cache->pool().commit_reclaim(SlabId{1}));
  cache->pool().finish_reclaim(SlabId{1});
  EXPECT_EQ(cache->pool().pages(cache->blocks(id, KvGroupId{0})[0])[5].value, 9U);
  cache->free(id);
  ASSERT_EQ(cache->pool().plan_reclaim(SlabId{0}).outcome, Outcome::ready);
  EXPECT_TRUE(cache->pool().commit_reclaim(SlabId{0})) << "a block goes as a whole";
  EXPECT_EQ(cache->pool().free_pages(), 4U);
}

}  // namespace
}  // namespace prophet
