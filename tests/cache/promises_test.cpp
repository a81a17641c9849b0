// The promises of the expert cache, one test each, on caches small enough to follow by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "prophet/error.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/cache/make_policy.hpp"

namespace prophet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ExpertGrid grid{2, 8};

ExpertIndex expert(std::uint32_t index) {
  return ExpertIndex{index};
}

ExpertCache lru_cache(std::uint32_t cache_slabs, std::uint32_t staging_slabs,
                      Generation first = Generation{0}) {
  PolicyOptions options;
  options.grid = grid;
  options.cache_slabs = cache_slabs;
  return {grid, {cache_slabs, staging_slabs}, make_policy("lru", options), first};
}

template <class... Index>
std::vector<ExpertIndex> experts(Index... index) {
  return {ExpertIndex{static_cast<std::uint32_t>(index)}...};
}

std::vector<std::uint32_t> names(std::span<const Acquired> acquired) {
  std::vector<std::uint32_t> all;
  for (const Acquired& one : acquired) all.push_back(one.ticket.expert.value);
  return all;
}

std::vector<std::uint32_t> names(std::span<const Evicted> evicted) {
  std::vector<std::uint32_t> all;
  for (const Evicted& one : evicted) all.push_back(one.ticket.expert.value);
  return all;
}

std::vector<std::uint32_t> names(std::span<const ExpertIndex> deferred) {
  std::vector<std::uint32_t> all;
  for (const ExpertIndex one : deferred) all.push_back(one.value);
  return all;
}

void load(ExpertCache& cache, const std::vector<ExpertIndex>& wanted) {
  const LayerLease lease = cache.acquire(wanted);
  for (const Acquired& miss : lease.misses()) ASSERT_TRUE(cache.complete(miss.ticket));
}

TEST(Promise1, ALeasedSlabIsNeverEvictedLentOrGivenAway) {
  ExpertCache cache = lru_cache(4, 0);
  load(cache, experts(0, 1));
  LayerLease lease = cache.acquire(experts(0, 1, 2, 3));
  const std::vector<Acquired> held(lease.hits().begin(), lease.hits().end());
  EXPECT_EQ(cache.reserve_prefetch(expert(8)), std::nullopt);
  EXPECT_EQ(cache.lend(), std::nullopt);
  EXPECT_FALSE(cache.abandon(lease.misses()[0].ticket)) << "a leased slab is freed early";
  for (const Acquired& one : held) EXPECT_EQ(cache.find(one.ticket.expert), one.ticket);
  cache.check_invariants();
  lease.release();
  EXPECT_TRUE(cache.reserve_prefetch(expert(8)).has_value());
  EXPECT_THAT(names(cache.evicted_by_prefetch()), ElementsAre(0));
}

TEST(Promise1, HitsOfAPrefillStayTooThoughTheyKeepTheirPlaceInTheOrder) {
  ExpertCache cache = lru_cache(2, 0);
  load(cache, experts(0, 1));
  LayerLease lease = cache.acquire(experts(0, 1), true);
  EXPECT_EQ(cache.reserve_prefetch(expert(8)), std::nullopt);
  EXPECT_EQ(cache.lend(), std::nullopt);
  EXPECT_THAT(names(cache.end_layer(LayerId{0})), IsEmpty());
  EXPECT_TRUE(cache.is_leased(expert(0)) && cache.is_leased(expert(1)));
}

TEST(Promise2, AVictimIsNeverAnExpertThatTheSameStepStillNeeds) {
  ExpertCache cache = lru_cache(3, 0);
  load(cache, experts(3, 4, 5));
  // 3 is the least recently used: one that takes victims while it classifies evicts it for 0, then misses it.
  const LayerLease lease = cache.acquire(experts(0, 3));
  EXPECT_THAT(names(lease.hits()), ElementsAre(3));
  EXPECT_THAT(names(lease.misses()), ElementsAre(0));
  EXPECT_THAT(names(lease.evicted()), ElementsAre(4));
}

TEST(Promise4, AnExpertHasAtMostOneSlab) {
  ExpertCache cache = lru_cache(4, 2);
  const auto first = cache.reserve_prefetch(expert(3));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(cache.reserve_prefetch(expert(3)), std::nullopt);
  const LayerLease lease = cache.acquire(experts(3));
  ASSERT_EQ(lease.hits().size(), 1U);
  EXPECT_EQ(lease.hits()[0].ticket, *first);
  EXPECT_EQ(cache.reserve_prefetch(expert(3)), std::nullopt);
  EXPECT_EQ(cache.occupied_slabs(), 1U);
}

TEST(Promise4, DuplicatesAreRefusedAndChangeNothing) {
  ExpertCache cache = lru_cache(4, 0);
  EXPECT_THROW((void)cache.acquire(experts(1, 1)), Error);
  EXPECT_THROW((void)cache.acquire(experts(2, 1)), Error);
  EXPECT_THROW((void)cache.acquire(experts(1, 16)), Error);
  EXPECT_THROW((void)cache.acquire(experts(1, 9)), Error) << "two layers";
  EXPECT_EQ(cache.occupied_slabs(), 0U);
  EXPECT_EQ(cache.acquire(experts(1, 2)).misses().size(), 2U);
}

TEST(Promise5, ACompletionOfAnOldGenerationChangesNothing) {
  ExpertCache cache = lru_cache(1, 0);
  SlabTicket old;
  {
    const LayerLease lease = cache.acquire(experts(0));
    old = lease.misses()[0].ticket;
  }
  load(cache, experts(1));
  const LayerLease lease = cache.acquire(experts(0));
  const SlabTicket now = lease.misses()[0].ticket;
  ASSERT_EQ(now.slab, old.slab);
  EXPECT_NE(now.generation, old.generation);
  EXPECT_FALSE(cache.complete(old));
  EXPECT_TRUE(cache.is_loading(expert(0))) << "an old completion was taken for the new copy's";
  EXPECT_TRUE(cache.complete(now));
  EXPECT_FALSE(cache.is_loading(expert(0)));
}

TEST(Promise5, AnAbandonedCopyFreesItsSlabOnce) {
  ExpertCache cache = lru_cache(1, 1);
  const auto ticket = cache.reserve_prefetch(expert(0));
  ASSERT_TRUE(ticket.has_value());
  EXPECT_TRUE(cache.abandon(*ticket));
  EXPECT_FALSE(cache.abandon(*ticket));
  EXPECT_FALSE(cache.complete(*ticket));
  EXPECT_EQ(cache.occupied_slabs(), 0U);
  EXPECT_EQ(cache.unused_prefetches(), 0U);
}

TEST(Promise5, AnAbandonedExpertOfTheOrderLeavesIt) {
  ExpertCache cache = lru_cache(2, 0);
  SlabTicket failed;
  {
    const LayerLease lease = cache.acquire(experts(0));
    failed = lease.misses()[0].ticket;
  }
  EXPECT_TRUE(cache.abandon(failed));
  EXPECT_EQ(cache.policy().size(), 0U);
  cache.check_invariants();
}

TEST(Promise5, GenerationsWrapAround) {
  ExpertCache cache = lru_cache(1, 0, Generation{~0U - 1});
  std::vector<SlabTicket> tickets;
  for (std::uint32_t i = 0; i < 6; ++i) {
    const LayerLease lease = cache.acquire(experts(i % 2));
    tickets.push_back(lease.misses()[0].ticket);
    for (std::uint32_t old = 0; old < i; ++old) EXPECT_FALSE(cache.complete(tickets[old])) << old;
    EXPECT_TRUE(cache.complete(tickets[i]));
  }
  EXPECT_EQ(tickets[0].generation, Generation{~0U});
  EXPECT_EQ(tickets[1].generation, Generation{0});
  EXPECT_EQ(tickets[5].generation, Generation{4});
}

TEST(Promise7, AnUnusedPrefetchIsTheFirstToGoOnceItsLayerHasRun) {
  ExpertCache cache = lru_cache(3, 1);
  load(cache, experts(0, 1, 2));
  ASSERT_TRUE(cache.reserve_prefetch(expert(7)).has_value());
  EXPECT_EQ(cache.unused_prefetches(), 1U);
  EXPECT_THAT(names(cache.end_layer(LayerId{1})), IsEmpty()) << "it is not of this layer";
  const auto left = cache.end_layer(LayerId{0});
  ASSERT_THAT(names(left), ElementsAre(7));
  EXPECT_TRUE(left[0].was_loading);
  EXPECT_TRUE(left[0].unused_prefetch);
  EXPECT_EQ(cache.unused_prefetches(), 0U);
}

TEST(Promise7, APrefetchIsUsefulOnceAndLateWhileItIsInFlight) {
  ExpertCache cache = lru_cache(4, 0);
  const auto in_flight = cache.reserve_prefetch(expert(2));
  const auto arrived = cache.reserve_prefetch(expert(3));
  ASSERT_TRUE(in_flight && arrived && cache.complete(*arrived));
  {
    const LayerLease lease = cache.acquire(experts(2, 3, 4));
    EXPECT_EQ(lease.hits()[0], (Acquired{*in_flight, Outcome::hit_late, true}));
    EXPECT_EQ(lease.hits()[1], (Acquired{*arrived, Outcome::hit_on_time, true}));
    EXPECT_EQ(lease.misses()[0].outcome, Outcome::miss);
    cache.complete(*in_flight);
  }
  const LayerLease again = cache.acquire(experts(2, 3));
  for (const Acquired& hit : again.hits()) EXPECT_FALSE(hit.first_use_of_prefetch);
}

TEST(Promise7, MissesTakeBackTheSlabsOfPrefetchesNewestFirst) {
  ExpertCache cache = lru_cache(2, 1);
  for (const std::uint32_t e : {8U, 9U, 10U}) ASSERT_TRUE(cache.reserve_prefetch(expert(e)).has_value());
  const LayerLease lease = cache.acquire(experts(0, 1));
  EXPECT_THAT(names(lease.evicted()), ElementsAre(10, 9));
  EXPECT_TRUE(lease.evicted()[0].was_loading && lease.evicted()[0].unused_prefetch);
  EXPECT_THAT(names(lease.misses()), ElementsAre(0, 1));
}

TEST(Promise8, ADispatchLargerThanThePoolRunsInRounds) {
  ExpertCache cache = lru_cache(2, 1);
  std::vector<ExpertIndex> wanted = experts(0, 1, 2, 3, 4, 5, 6, 7);
  std::vector<std::uint32_t> served;
  int rounds = 0;
  while (!wanted.empty() && rounds < 20) {
    const LayerLease lease = cache.acquire(wanted);
    EXPECT_EQ(lease.hits().size() + lease.misses().size() + lease.deferred().size(), wanted.size());
    for (const Acquired& miss : lease.misses()) served.push_back(miss.ticket.expert.value);
    wanted.assign(lease.deferred().begin(), lease.deferred().end());
    ++rounds;
  }
  EXPECT_EQ(rounds, 3);
  EXPECT_THAT(served, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(Promise8, APrefillLargerThanThePoolRunsInRoundsToo) {
  for (const std::uint32_t staging_slabs : {0U, 2U}) {
    ExpertCache cache = lru_cache(3, staging_slabs);
    load(cache, experts(0, 1, 2));
    std::vector<ExpertIndex> wanted = experts(0, 1, 2, 3, 4, 5, 6, 7);
    int rounds = 0;
    for (; !wanted.empty() && rounds < 20; ++rounds) {
      const LayerLease lease = cache.acquire(wanted, true);
      wanted.assign(lease.deferred().begin(), lease.deferred().end());
    }
    EXPECT_LT(rounds, 7) << staging_slabs;
    EXPECT_TRUE(wanted.empty());
  }
}

TEST(Promise9, ACacheBelowOneCycleIsAllowed) {
  ExpertCache cache = lru_cache(1, 0);
  for (std::uint32_t i = 0; i < 32; ++i) load(cache, experts(i % grid.size()));
  EXPECT_EQ(cache.occupied_slabs(), 1U);
  EXPECT_THROW(lru_cache(0, 4), Error);
}

TEST(Promise10, PrefillDoesNotThrowOutTheDecodeSet) {
  ExpertCache cache = lru_cache(4, 2);
  load(cache, experts(0, 1, 2, 3));
  std::vector<ExpertIndex> wanted = experts(1, 4, 5, 6, 7);
  while (!wanted.empty()) {
    const LayerLease lease = cache.acquire(wanted, true);
    EXPECT_THAT(names(lease.evicted()), IsEmpty());
    wanted.assign(lease.deferred().begin(), lease.deferred().end());
  }
  for (const std::uint32_t e : {0U, 1U, 2U, 3U}) EXPECT_TRUE(cache.find(expert(e)).has_value()) << e;
  // The prefill's hit on 1 did not make it recent: the order is still that of the decode steps.
  const LayerLease lease = cache.acquire(experts(8, 9, 10, 11));
  EXPECT_THAT(names(lease.evicted()), ElementsAre(0, 1));
}

/// Of 0, 1 and 2 the popularity is 9, 8 and 7, of all others none.
ExpertCache static_cache(std::uint32_t cache_slabs, std::uint32_t staging_slabs) {
  static constexpr std::array<std::uint64_t, grid.size()> popularity{9, 8, 7, 0, 0, 0, 0, 0};
  PolicyOptions options;
  options.grid = grid;
  options.cache_slabs = cache_slabs;
  options.popularity = popularity;
  return ExpertCache(grid, {cache_slabs, staging_slabs}, make_policy("static", options));
}

TEST(StagingSlabs, LetAPolicyDeclineToKeepWhatTheLayerUsed) {
  ExpertCache cache = static_cache(2, 2);
  load(cache, experts(0, 1));
  LayerLease lease = cache.acquire(experts(2, 3));
  EXPECT_THAT(names(lease.evicted()), IsEmpty()) << "free slabs come before victims";
  EXPECT_THAT(names(lease.release()), ElementsAre(3, 2));
  EXPECT_THAT(names(lease.release()), IsEmpty());
  EXPECT_EQ(cache.occupied_slabs(), 2U);
}

TEST(StagingSlabs, AMissThatIsWorthLessThanAllThatIsHereWaitsForOne) {
  ExpertCache cache = static_cache(2, 1);
  load(cache, experts(0, 1));
  LayerLease lease = cache.acquire(experts(1, 3, 4));
  EXPECT_THAT(names(lease.misses()), ElementsAre(3));
  EXPECT_THAT(names(lease.deferred()), ElementsAre(4));
  EXPECT_THAT(names(lease.evicted()), IsEmpty());
  EXPECT_THAT(names(lease.release()), ElementsAre(3));
  const LayerLease second = cache.acquire(experts(4));
  EXPECT_THAT(names(second.misses()), ElementsAre(4));
  EXPECT_THAT(names(second.evicted()), IsEmpty());
}

TEST(StagingSlabs, AMissThatIsWorthMoreTakesThePlaceOfAnother) {
  ExpertCache cache = static_cache(2, 1);
  load(cache, experts(0, 3));
  const LayerLease lease = cache.acquire(experts(1, 2));
  EXPECT_THAT(names(lease.misses()), ElementsAre(1, 2));
  EXPECT_THAT(names(lease.evicted()), ElementsAre(3));
}

TEST(StagingSlabs, ThatAreTakenByPrefetchesLetEveryRoundLeaseOne) {
  ExpertCache cache = static_cache(2, 1);
  load(cache, experts(0, 1));
  ASSERT_TRUE(cache.reserve_prefetch(expert(8)).has_value());
  std::vector<ExpertIndex> wanted = experts(3, 4, 5);
  for (const std::size_t left : {2U, 1U, 0U}) {
    const LayerLease lease = cache.acquire(wanted);
    EXPECT_THAT(lease.misses().size(), 1U);
    wanted.assign(lease.deferred().begin(), lease.deferred().end());
    EXPECT_EQ(wanted.size(), left);
  }
  EXPECT_TRUE(cache.find(expert(0)).has_value()) << "one slab was enough for all three";
}

TEST(StagingSlabs, WhereThereAreNoneNobodyWaits) {
  ExpertCache cache = static_cache(2, 0);
  load(cache, experts(0, 1));
  const LayerLease lease = cache.acquire(experts(3, 4));
  EXPECT_THAT(names(lease.evicted()), ElementsAre(1, 0));
}

TEST(Lending, ShrinksTheCacheAndNeverTakesTheLastSlab) {
  ExpertCache cache = lru_cache(3, 1);
  load(cache, experts(0, 1, 2));
  const auto first = cache.lend();
  ASSERT_TRUE(first.has_value());
  EXPECT_THAT(names(cache.evicted_by_lend()), ElementsAre(0)) << "a free slab went, so one more expert goes";
  ASSERT_TRUE(cache.lend().has_value());
  EXPECT_EQ(cache.lend(), std::nullopt);
  EXPECT_EQ(cache.lent_slabs(), 2U);
  load(cache, experts(3));
  EXPECT_EQ(cache.policy().size(), 1U);
  cache.reclaim(*first);
  EXPECT_THROW(cache.reclaim(*first), Error);
  load(cache, experts(4));
  EXPECT_EQ(cache.policy().size(), 2U);
}

TEST(LayerLease, MovesAndEndsOnce) {
  ExpertCache cache = lru_cache(2, 0);
  LayerLease first = cache.acquire(experts(0));
  EXPECT_THROW((void)cache.acquire(experts(1)), Error);
  {
    const LayerLease second = std::move(first);
    EXPECT_THAT(names(second.misses()), ElementsAre(0));
    EXPECT_TRUE(cache.is_leased(expert(0)));
  }
  EXPECT_FALSE(cache.is_leased(expert(0)));
  EXPECT_THAT(names(cache.acquire({}).deferred()), IsEmpty());
}

TEST(LayerLease, ReleasesInAscendingExpertOrder) {
  ExpertCache cache = lru_cache(3, 3);
  load(cache, experts(1));
  { const LayerLease lease = cache.acquire(experts(0, 1, 2)); }  // a hit between two misses
  LayerLease lease = cache.acquire(experts(5, 6, 7));
  EXPECT_THAT(names(lease.evicted()), IsEmpty());
  EXPECT_THAT(names(lease.release()), ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace prophet
