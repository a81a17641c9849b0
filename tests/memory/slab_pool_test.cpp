#include "runtime/memory/slab_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/random.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet {
namespace {

TEST(SlabPool, GivesEverySlabOnceThenNothing) {
  SlabPool pool(3);
  EXPECT_EQ(pool.take(), SlabId{0});
  EXPECT_EQ(pool.take(), SlabId{1});
  EXPECT_EQ(pool.take(), SlabId{2});
  EXPECT_EQ(pool.take(), std::nullopt);
  EXPECT_EQ(pool.size(), 3U);
  EXPECT_EQ(pool.free_count(), 0U);
}

TEST(SlabPool, UsesASlabJustFreedFirst) {
  SlabPool pool(4);
  for (int i = 0; i < 4; ++i) (void)pool.take();
  pool.give_back(SlabId{2});
  pool.give_back(SlabId{0});
  EXPECT_EQ(pool.take(), SlabId{0});
  EXPECT_EQ(pool.take(), SlabId{2});
}

TEST(SlabPool, RefusesNoSlabsAndTooMany) {
  EXPECT_THROW(SlabPool(0), Error);
  EXPECT_THROW(SlabPool(limits::slabs_max + 1), Error);
}

/// Against a plain stack that is searched.
TEST(SlabPool, RandomTakesAndReturnsMatchAPlainStack) {
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  constexpr std::uint64_t operations_a_pool = 5000;
  for (std::uint64_t done = 0, end = testing_support::random_operations(3'000'000); done < end;
       done += operations_a_pool) {
    const auto slabs = static_cast<std::uint32_t>(1 + random.below(24));
    SlabPool pool(slabs);
    std::vector<SlabId> stack;
    std::vector<SlabId> taken;
    for (std::uint32_t s = slabs; s-- > 0;) stack.push_back(SlabId{s});
    for (std::uint64_t i = 0; i < operations_a_pool; ++i) {
      if (taken.empty() || random.chance(0.5)) {
        const auto slab = pool.take();
        ASSERT_EQ(slab.has_value(), !stack.empty());
        if (!slab) continue;
        ASSERT_EQ(*slab, stack.back());
        stack.pop_back();
        taken.push_back(*slab);
      } else {
        const auto at = taken.begin() + static_cast<std::ptrdiff_t>(random.below(taken.size()));
        pool.give_back(*at);
        stack.push_back(*at);
        taken.erase(at);
      }
      const SlabId asked{static_cast<std::uint32_t>(random.below(slabs))};
      ASSERT_EQ(pool.is_free(asked), std::find(stack.begin(), stack.end(), asked) != stack.end());
      ASSERT_EQ(pool.free_count(), stack.size());
    }
  }
}

}  // namespace
}  // namespace prophet
