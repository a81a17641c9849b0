// After construction the cache and its policies allocate nothing. A program of its own: it counts every
// operator new.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cache/random_world.hpp"
#include "tests/memory/random_run.hpp"
#include "tests/support/allocation_counter.hpp"

namespace prophet {
namespace {

using testing_support::RandomWorld;

class StepPath : public ::testing::TestWithParam<std::string> {};

/// One layer as the engine runs it, with prefetches of which some fail, and a slab lent now and then.
void run_layer(ExpertCache& cache, const RandomWorld& world, std::size_t group, Random& random) {
  const ExpertGrid grid = world.grid();
  const LayerId layer{static_cast<std::uint32_t>(group % grid.layers)};
  cache.begin_layer(layer, group / grid.layers);
  {
    LayerLease lease = cache.acquire(world.future().group(group), group % 7 == 0);
    for (int i = 0; i < 3; ++i) {
      const ExpertIndex expert{static_cast<std::uint32_t>(random.below(grid.size()))};
      const auto ticket = cache.reserve_prefetch(expert);
      if (ticket && random.chance(0.3)) cache.abandon(*ticket);
    }
    for (const Acquired& miss : lease.misses()) cache.complete(miss.ticket);
    lease.release();
  }
  (void)cache.end_layer(layer);
  if (const auto lent = cache.lend()) cache.reclaim(*lent);
}

TEST_P(StepPath, AllocatesNothingAfterConstruction) {
  if (!prophet::testing::heap_allocations_are_counted()) GTEST_SKIP() << "the sanitizer keeps operator new";
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int worlds = 0; worlds < 20; ++worlds) {
    const RandomWorld world(random);
    ExpertCache cache(world.grid(), world.size(), make_policy(GetParam(), world.options()));
    const std::uint64_t before = prophet::testing::heap_allocations();
    for (std::size_t group = 0; group < RandomWorld::groups; ++group) {
      run_layer(cache, world, group, random);
    }
    ASSERT_EQ(prophet::testing::heap_allocations() - before, 0U);
  }
}

TEST(StepPathCanary, ThisProgramCountsAllocations) {
  if (!prophet::testing::heap_allocations_are_counted()) GTEST_SKIP() << "the sanitizer keeps operator new";
  const std::uint64_t before = prophet::testing::heap_allocations();
  ::operator delete(::operator new(8));
  EXPECT_EQ(prophet::testing::heap_allocations() - before, 1U);
}

std::string test_name(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Policies, StepPath, ::testing::ValuesIn(policy_names()), test_name);

}  // namespace
}  // namespace prophet
