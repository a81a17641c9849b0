// After construction the KV cache allocates nothing, at its boundary neither. A program of its own: it counts
// every operator new.
#include <gtest/gtest.h>

#include "runtime/base/random.hpp"
#include "tests/kv/random_kv_world.hpp"
#include "tests/memory/random_run.hpp"
#include "tests/support/allocation_counter.hpp"

namespace prophet {
namespace {

using testing_support::RandomKvWorld;

/// One step of a serving loop in which everything happens now and then.
class Loop {
 public:
  Loop(const RandomKvWorld& world, KvCache& cache, Random& random)
      : world_(world), cache_(cache), random_(random) {
    for (std::uint32_t l = 0; l < 16; ++l) prompts_.push_back(world.prompt(random));
  }

  void step(std::uint64_t number) {
    move_boundary();
    (void)cache_.admit(prompts_[random_.below(prompts_.size())], 3);
    cache_.pool().begin_step(number);
    for (std::uint32_t s = 0; s < world_.options.sequences_max; ++s) grow(KvSequenceId{s});
    cache_.pool().end_step(number);
  }

 private:
  void grow(KvSequenceId id) {
    if (cache_.is_swapped_out(id)) {
      if (!cache_.swap_in(id)) cache_.free(id);
      return;
    }
    if (!cache_.is_here(id)) return;
    const std::uint32_t token = world_.next_token(random_, cache_.tokens(id));
    const bool is_long = cache_.tokens(id) == world_.options.context_tokens_max;
    if (is_long || random_.chance(0.1)) return cache_.free(id);
    if (random_.chance(0.1)) (void)cache_.fork(id);
    if (!cache_.append(id, std::span(&token, 1)) && !cache_.swap_out(id)) cache_.free(id);
  }

  void move_boundary() {
    const SlabId slab{static_cast<std::uint32_t>(random_.below(world_.grid.slabs))};
    BlockPool& pool = cache_.pool();
    if (!pool.page_pool().is_lent(slab)) return pool.add_slab(slab);
    if (random_.chance(0.7)) return;
    if (pool.plan_reclaim(slab).outcome != ReclaimPlan::Outcome::ready) return;
    if (!pool.commit_reclaim(slab)) pool.finish_reclaim(slab);
  }

  const RandomKvWorld& world_;
  KvCache& cache_;
  Random& random_;
  std::vector<std::vector<std::uint32_t>> prompts_;
};

TEST(KvStepPath, AllocatesNothingAfterConstruction) {
  if (!prophet::testing::heap_allocations_are_counted()) GTEST_SKIP() << "the sanitizer keeps operator new";
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int worlds = 0; worlds < 50; ++worlds) {
    const RandomKvWorld world(random);
    KvCache cache(world.geometry, world.grid, world.options);
    Loop loop(world, cache, random);
    const std::uint64_t before = prophet::testing::heap_allocations();
    for (std::uint64_t step = 0; step < 500; ++step) loop.step(step);
    ASSERT_EQ(prophet::testing::heap_allocations() - before, 0U);
  }
}

TEST(KvStepPath, CanaryThisProgramCountsAllocations) {
  if (!prophet::testing::heap_allocations_are_counted()) GTEST_SKIP() << "the sanitizer keeps operator new";
  const std::uint64_t before = prophet::testing::heap_allocations();
  ::operator delete(::operator new(8));
  EXPECT_EQ(prophet::testing::heap_allocations() - before, 1U);
}

}  // namespace
}  // namespace prophet
