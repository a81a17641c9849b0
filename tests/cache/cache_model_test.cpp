// The expert cache against a naive one, under random calls: decode and prefill rounds, prefetches, finished,
// failed and stale copies, slabs lent and reclaimed, generations that wrap around.
#include <gtest/gtest.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "tests/cache/naive_cache.hpp"
#include "tests/cache/naive_policy.hpp"
#include "tests/cache/random_world.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet {
namespace {

using testing_support::NaiveCache;
using testing_support::RandomWorld;

template <class T>
void expect_same(std::span<const T> real, const std::vector<T>& naive, const char* what) {
  ASSERT_TRUE(std::equal(real.begin(), real.end(), naive.begin(), naive.end())) << what;
}

class TwinCaches {
 public:
  TwinCaches(std::string_view policy, const RandomWorld& world, Generation first, Random& random)
      : world_(world),
        random_(random),
        cache_(world.grid(), world.size(), make_policy(policy, world.options()), first),
        naive_(world.grid(), world.size(), testing_support::make_naive_policy(policy, world.options()),
               first) {}
  void do_something() {
    const std::uint64_t choice = random_.below(20);
    if (choice < 8) return round_goes_on();
    if (choice < 12) return prefetch();
    if (choice < 15) return complete();
    if (choice < 17) return abandon();
    if (choice < 18) return end_layer();
    return random_.chance(0.5) ? lend() : reclaim();
  }

  void expect_same_state() const {
    cache_.check_invariants();
    std::uint32_t unused = 0;
    for (std::uint32_t e = 0; e < world_.grid().size(); ++e) {
      const ExpertIndex expert{e};
      const auto naive = naive_.here().find(expert);
      const bool here = naive != naive_.here().end();
      ASSERT_EQ(cache_.find(expert), here ? std::optional(naive->second.ticket) : std::nullopt);
      ASSERT_EQ(cache_.is_loading(expert), here && naive->second.loading);
      ASSERT_EQ(cache_.is_leased(expert), here && naive->second.leased);
      unused += here && naive->second.unused_prefetch ? 1 : 0;
    }
    ASSERT_EQ(cache_.occupied_slabs(), naive_.here().size());
    ASSERT_EQ(cache_.lent_slabs(), naive_.lent().size());
    ASSERT_EQ(cache_.unused_prefetches(), unused);
  }

 private:
  void round_goes_on() {
    if (lease_) return release();
    if (!deferred_.empty() && random_.chance(0.8)) {
      const std::vector<ExpertIndex> wanted = deferred_;
      return acquire(wanted, bypass_);
    }
    if (random_.chance(0.15)) {
      return acquire(testing_support::random_group(random_, world_.grid(), random_layer()), true);
    }
    const std::size_t group = layers_begun_++;
    const LayerId layer{static_cast<std::uint32_t>(group % world_.grid().layers)};
    cache_.begin_layer(layer, group / world_.grid().layers);
    naive_.begin_layer(layer, group / world_.grid().layers);
    const auto wanted = world_.future().group(group % RandomWorld::groups);
    acquire(std::vector(wanted.begin(), wanted.end()), false);
  }

  void acquire(const std::vector<ExpertIndex>& wanted, bool bypass) {
    bypass_ = bypass;
    lease_.emplace(cache_.acquire(wanted, bypass));
    const NaiveCache::Round expected = naive_.acquire(wanted, bypass);
    expect_same(lease_->hits(), expected.hits, "hits");
    expect_same(lease_->misses(), expected.misses, "misses");
    expect_same(lease_->deferred(), expected.deferred, "deferred");
    expect_same(lease_->evicted(), expected.evicted, "evicted");
    ASSERT_LT(expected.deferred.size(), wanted.size()) << "a round that leases nothing";
    deferred_ = expected.deferred;
    for (const Acquired& miss : expected.misses) remember(miss.ticket);
  }

  void release() {
    if (random_.chance(0.1)) {
      ASSERT_THROW((void)cache_.acquire({}), Error);
    }
    expect_same(lease_->release(), naive_.release(), "left at release");
    lease_.reset();
  }

  void prefetch() {
    const ExpertIndex expert{static_cast<std::uint32_t>(random_.below(world_.grid().size()))};
    const auto ticket = cache_.reserve_prefetch(expert);
    std::vector<Evicted> left;
    ASSERT_EQ(ticket, naive_.reserve_prefetch(expert, left));
    expect_same(cache_.evicted_by_prefetch(), left, "evicted by prefetch");
    if (ticket) remember(*ticket);
  }

  void complete() {
    const SlabTicket ticket = some_ticket();
    ASSERT_EQ(cache_.complete(ticket), naive_.complete(ticket));
  }

  void abandon() {
    const SlabTicket ticket = some_ticket();
    ASSERT_EQ(cache_.abandon(ticket), naive_.abandon(ticket));
  }

  void end_layer() {
    const LayerId layer = random_layer();
    expect_same(cache_.end_layer(layer), naive_.end_layer(layer), "left at the end of a layer");
  }

  void lend() {
    std::vector<Evicted> left;
    const auto slab = cache_.lend();
    ASSERT_EQ(slab, naive_.lend(left));
    expect_same(cache_.evicted_by_lend(), left, "evicted by lend");
  }

  void reclaim() {
    if (naive_.lent().empty()) return;
    const SlabId slab = *naive_.lent().begin();
    cache_.reclaim(slab);
    naive_.reclaim(slab);
    ASSERT_THROW(cache_.reclaim(slab), Error);
  }

  LayerId random_layer() { return LayerId{static_cast<std::uint32_t>(random_.below(world_.grid().layers))}; }
  void remember(SlabTicket ticket) { tickets_[random_.below(tickets_.size())] = ticket; }
  /// Of a copy in flight, of a finished one, or of a filling that has long been replaced.
  SlabTicket some_ticket() {
    SlabTicket ticket = tickets_[random_.below(tickets_.size())];
    if (random_.chance(0.1)) --ticket.generation.value;
    return ticket;
  }

  const RandomWorld& world_;
  Random& random_;
  ExpertCache cache_;
  NaiveCache naive_;
  std::optional<LayerLease> lease_;
  std::vector<ExpertIndex> deferred_;
  std::vector<SlabTicket> tickets_{12};
  bool bypass_ = false;
  std::size_t layers_begun_ = 0;
};

class CacheModel : public testing::TestWithParam<std::string> {};

TEST_P(CacheModel, DoesWhatItsNaiveTwinDoes) {
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  constexpr std::uint64_t operations_a_world = 2000;
  for (std::uint64_t done = 0, end = testing_support::random_operations(1'000'000); done < end;
       done += operations_a_world) {
    const RandomWorld world(random);
    const Generation first{random.chance(0.5) ? 0U - static_cast<std::uint32_t>(random.below(40)) : 0U};
    TwinCaches twins(GetParam(), world, first, random);
    for (std::uint64_t i = 0; i < operations_a_world; ++i) {
      twins.do_something();
      if (i % 32 == 0) twins.expect_same_state();
      if (HasFatalFailure()) FAIL() << "operation " << done + i;
    }
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Policies, CacheModel, testing::ValuesIn(policy_names()), test_name);

}  // namespace
}  // namespace prophet
