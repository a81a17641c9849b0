// What sequences share, in which order blocks are used, and what a refusal leaves behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "tests/kv/kv_cases.hpp"

namespace prophet {
namespace {

using ::testing::ElementsAre;
using testing_support::LentCache;
using testing_support::one_layer;
using testing_support::small_options;
using testing_support::Tokens;
using testing_support::tokens_from;

constexpr std::uint32_t none = no_block.value;

std::uint64_t one_hash_for_all(std::uint64_t, std::span<const std::uint32_t>, std::uint64_t) noexcept {
  return 7;
}

TEST(KvSharing, BlocksAreTakenFromTheHeadAndComeBackLastFirst) {
  LentCache cache(one_layer(4), 1, 10);
  const auto a = cache->admit(tokens_from(0, 12));
  EXPECT_THAT(cache.table(a->sequence), ElementsAre(0, 1, 2));
  const auto b = cache->admit(tokens_from(100, 8));
  EXPECT_THAT(cache.table(b->sequence), ElementsAre(3, 4));
  cache->free(a->sequence);
  EXPECT_THAT(cache.queue(), ElementsAre(2, 1, 0));
  cache->free(b->sequence);
  EXPECT_THAT(cache.queue(), ElementsAre(2, 1, 0, 4, 3));
  // Blocks that were never used come first; then the head of the queue.
  const auto c = cache->admit(tokens_from(200, 28));
  EXPECT_THAT(cache.table(c->sequence), ElementsAre(5, 6, 7, 8, 9, 2, 1));
  EXPECT_EQ(cache->pool().evictions(), 2U);
}

TEST(KvSharing, AHitLeavesTheQueueAndTheLastTokenIsAlwaysComputed) {
  LentCache cache(one_layer(4), 1, 10);
  cache->free(cache->admit(tokens_from(0, 12))->sequence);
  EXPECT_EQ(cache->find_prefix(tokens_from(0, 12)), 8U);
  EXPECT_EQ(cache->find_prefix(tokens_from(0, 13)), 12U);
  const auto again = cache->admit(tokens_from(0, 12));
  EXPECT_EQ(again->shared_tokens, 8U);
  EXPECT_THAT(cache.table(again->sequence), ElementsAre(0, 1, 3));
  EXPECT_THAT(cache.queue(), ElementsAre(2));
}

TEST(KvSharing, AnEqualBlockIsCachedBesideTheFirst) {
  LentCache cache(one_layer(4), 1, 10);
  const auto a = cache->admit(tokens_from(0, 5));
  const auto b = cache->admit(tokens_from(0, 3));  // nothing to share yet: its page is not full
  ASSERT_TRUE(cache->append(b->sequence, tokens_from(3, 2)));
  EXPECT_THAT(cache.table(b->sequence), ElementsAre(2, 3));
  const auto c = cache->admit(tokens_from(0, 5));
  EXPECT_EQ(cache.table(c->sequence).front(), 0U) << "the one cached first is shared";
  cache->free(a->sequence);
  cache->free(c->sequence);
  EXPECT_EQ(cache->admit(tokens_from(0, 5))->shared_tokens, 4U);
}

TEST(KvSharing, APlantedCollisionSharesNothing) {
  KvCacheOptions options = small_options();
  options.hash = one_hash_for_all;
  LentCache cache(one_layer(4), 1, 20, options);
  cache->free(cache->admit(Tokens{1, 1, 1, 1, 5, 5, 5, 5, 9})->sequence);
  // Other tokens; the same tokens behind another parent; the same tokens with another key.
  EXPECT_EQ(cache->find_prefix(Tokens{2, 2, 2, 2, 5, 5, 5, 5, 9}), 0U);
  cache->free(cache->admit(Tokens{2, 2, 2, 2, 6, 6, 6, 6, 9})->sequence);
  EXPECT_EQ(cache->find_prefix(Tokens{2, 2, 2, 2, 5, 5, 5, 5, 9}), 4U);
  EXPECT_EQ(cache->find_prefix(Tokens{1, 1, 1, 1, 5, 5, 5, 5, 9}, 1), 0U);
  EXPECT_EQ(cache->find_prefix(Tokens{1, 1, 1, 1, 5, 5, 5, 5, 9}), 8U);
  cache->check_invariants();
}

TEST(KvSharing, AForkCopiesWhatItWritesAndSharesTheRest) {
  LentCache cache({{{2, 64, 0, 4}}, 0, 256}, 1, 20);
  const KvSequenceId parent = cache->admit(tokens_from(0, 6))->sequence;
  const KvSequenceId child = *cache->fork(parent);
  EXPECT_EQ(cache.table(child), cache.table(parent));
  const KvAppended written = cache->append(child, Tokens{50});
  ASSERT_TRUE(written);
  EXPECT_EQ(written.copies.size(), 2U) << "one for each layer";
  EXPECT_EQ(cache.table(child).front(), cache.table(parent).front());
  EXPECT_NE(cache.table(child).back(), cache.table(parent).back());
  EXPECT_TRUE(cache->append(parent, Tokens{60}).copies.empty()) << "nobody else has it any more";
}

TEST(KvSharing, AForkAtTheEndOfAPageCopiesNothing) {
  LentCache cache(one_layer(4), 1, 20);
  const KvSequenceId parent = cache->admit(tokens_from(0, 8))->sequence;
  const KvSequenceId child = *cache->fork(parent);
  EXPECT_TRUE(cache->append(child, Tokens{50}).copies.empty());
  EXPECT_THAT(cache.table(child), ElementsAre(0, 1, 2));
}

TEST(KvSharing, AWindowKeepsWhatTheNextTokenAttendsTo) {
  LentCache cache(one_layer(4, 6), 1, 20);
  const KvSequenceId id = cache->admit(tokens_from(0, 8))->sequence;
  ASSERT_TRUE(cache->append(id, Tokens{8}));  // attends to tokens 3 to 8
  EXPECT_THAT(cache.table(id), ElementsAre(0, 1, 2));
  ASSERT_TRUE(cache->append(id, Tokens{9}));  // to 4 to 9
  EXPECT_THAT(cache.table(id), ElementsAre(none, 1, 2));
  cache->free(id);
  // The first page may go: a prefix of 8 tokens needs pages 0 and 1, and one of 9 or more would only need 1.
  EXPECT_EQ(cache->find_prefix(tokens_from(0, 9)), 8U);
}

TEST(KvSharing, RecurrentStateIsCopiedAndPrefixesAreNotShared) {
  LentCache cache({{{1, 64, 0, 4}}, 600, 256}, 1, 20);
  const KvSequenceId id = cache->admit(tokens_from(0, 8))->sequence;
  EXPECT_EQ(cache->pool().pages(cache->state_block(id)).size(), 3U);
  EXPECT_EQ(cache->find_prefix(tokens_from(0, 9)), 0U);
  const KvSequenceId child = *cache->fork(id);
  EXPECT_EQ(cache->append(child, Tokens{1}).copies.size(), 3U) << "the state is written by every token";
  EXPECT_NE(cache->state_block(child), cache->state_block(id));
}

TEST(KvSharing, AnAppendThatDoesNotFitChangesNothing) {
  LentCache cache({{{2, 64, 0, 4}, {3, 64, 0, 4}}, 0, 256}, 1, 13);
  const KvSequenceId id = cache->admit(tokens_from(0, 8))->sequence;  // 10 of 13 pages
  const auto before = cache.table(id, 1);
  EXPECT_FALSE(cache->append(id, Tokens{8}))
      << "the first group's two pages are there, the second's three are not";
  EXPECT_EQ(cache->tokens(id), 8U);
  EXPECT_EQ(cache.table(id, 1), before);
  EXPECT_EQ(cache->pool().free_pages(), 3U);
  cache->check_invariants();
}

TEST(KvSharing, TheWatermarkHoldsBackAdmissionsAndNotGrowth) {
  KvCacheOptions options = small_options();
  options.watermark_pages = 2;
  LentCache cache(one_layer(4), 1, 4, options);
  const auto a = cache->admit(tokens_from(0, 8));
  ASSERT_TRUE(a);
  EXPECT_FALSE(cache->admit(tokens_from(100, 4)));
  EXPECT_TRUE(cache->append(a->sequence, tokens_from(8, 8)));
  cache->free(a->sequence);
  EXPECT_TRUE(cache->admit(tokens_from(200, 16))) << "alone it may have everything";
}

TEST(KvSharing, WhenThePrefixTreeIsFullASequenceCachesNoMoreAndGoesOn) {
  KvCacheOptions options = small_options();
  options.prefixes_max = 2;
  LentCache cache(one_layer(4), 1, 10, options);
  const KvSequenceId id = cache->admit(tokens_from(0, 16))->sequence;
  ASSERT_TRUE(cache->append(id, tokens_from(16, 8)));
  EXPECT_EQ(cache->find_prefix(tokens_from(0, 24)), 8U);
  cache->free(id);
  EXPECT_EQ(cache->find_prefix(tokens_from(0, 24)), 8U);
  cache->check_invariants();
}

TEST(KvSharing, ASwappedSequenceComesBackCachedAndACancelledOneGivesBackItsSlots) {
  KvCacheOptions options = small_options();
  options.host_slots = 3;
  LentCache cache(one_layer(4), 1, 10, options);
  const KvSequenceId a = cache->admit(tokens_from(0, 10))->sequence;
  const KvSequenceId b = cache->admit(tokens_from(50, 10))->sequence;
  ASSERT_EQ(cache->swap_out(a)->size(), 3U);
  EXPECT_FALSE(cache->swap_out(b)) << "the host is full";
  EXPECT_THROW((void)cache->append(a, Tokens{1}), Error);
  cache->pool().forget_all();
  ASSERT_EQ(cache->swap_in(a)->size(), 3U);
  EXPECT_EQ(cache->find_prefix(tokens_from(0, 10)), 8U);
  ASSERT_TRUE(cache->swap_out(a));
  cache->free(a);
  EXPECT_EQ(cache->host().free_count(), 3U);
}

TEST(KvSharing, OptionsAndGeometriesThatDoNotHoldAreRefused) {
  const PageGrid grid = PageGrid::plan(2560, 2, 256);
  EXPECT_THROW(KvCache(KvGeometry{{}, 0, 256}, grid, small_options()), Error);
  EXPECT_THROW(KvCache(KvGeometry{{{1, 64, 0, 3}}, 0, 256}, grid, small_options()), Error);
  EXPECT_THROW(KvCache(KvGeometry{{{1, 64, 0, 8}}, 0, 256}, grid, small_options()), Error);
  EXPECT_THROW(KvCache(KvGeometry{{{1, 64, 0, 4}}, 0, 512}, grid, small_options()), Error)
      << "not the grid's";
  EXPECT_THROW(KvCache(KvGeometry{{{21, 64, 0, 4}}, 0, 256}, grid, small_options()), Error)
      << "no block fits";
  KvCacheOptions options = small_options();
  options.sequences_max = 0;
  EXPECT_THROW(KvCache(one_layer(4), grid, options), Error);
  LentCache cache(one_layer(4), 1, 40);
  EXPECT_THROW((void)cache->admit(Tokens{}), Error);
  EXPECT_THROW((void)cache->admit(tokens_from(0, 65)), Error) << "more than context_tokens_max";
}

}  // namespace
}  // namespace prophet
