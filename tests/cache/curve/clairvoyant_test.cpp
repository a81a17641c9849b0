#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cache/miss_ratio_curve.hpp"
#include "runtime/cache/next_uses.hpp"
#include "tests/cache/curve/naive.hpp"
#include "tests/cache/curve/random_requests.hpp"

namespace prophet::test {
namespace {

using ::testing::ElementsAre;

RequestGroups two_groups_of_three() {
  RequestGroups requests;
  requests.grid = {1, 4};
  requests.append(std::vector{ExpertIndex{0}, ExpertIndex{2}, ExpertIndex{3}});
  requests.append(std::vector{ExpertIndex{0}, ExpertIndex{1}, ExpertIndex{3}});
  return requests;
}

/// Small enough for all choices to be tried.
RequestGroups tiny_requests(Random& random) {
  const ExpertGrid grid{1 + static_cast<std::uint32_t>(random.below(2)),
                        2 + static_cast<std::uint32_t>(random.below(3))};
  return random_requests(random, grid, 3 + static_cast<std::uint32_t>(random.below(12)),
                         1 + static_cast<std::uint32_t>(random.below(grid.experts)));
}

TEST(NextUses, AreUniqueAndNameTheirExperts) {
  const RequestGroups requests = two_groups_of_three();
  const auto next = next_uses(requests);
  EXPECT_THAT(next, ElementsAre(3, 6 + 2, 5, 6 + 0, 6 + 1, 6 + 3));
  for (std::size_t at = 0; at < next.size(); ++at) {
    EXPECT_EQ(expert_of(next[at], requests), requests.experts[at]);
  }
}

TEST(BeladyHits, NoPolicyDoesBetter) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  for (int trial = 0; trial < 300; ++trial) {
    const RequestGroups requests = tiny_requests(random);
    for (std::uint32_t slabs = 0; slabs <= requests.grid.size(); ++slabs) {
      ASSERT_EQ(belady_hits(requests, slabs), best_hits(requests, slabs))
          << slabs << " slabs, trial " << trial;
    }
  }
}

TEST(GroupedBeladyHits, NoPolicyDoesBetter) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  for (int trial = 0; trial < 300; ++trial) {
    const RequestGroups requests = tiny_requests(random);
    for (std::uint32_t slabs = 0; slabs <= requests.grid.size(); ++slabs) {
      ASSERT_EQ(grouped_belady_hits(requests, slabs), best_grouped_hits(requests, slabs))
          << slabs << " slabs, trial " << trial;
    }
  }
}

/// The same requests, of which passes of all layers are prefill.
RequestGroups with_some_prefill(Random& random, const RequestGroups& requests) {
  RequestGroups marked;
  marked.grid = requests.grid;
  bool prefill = false;
  for (std::size_t group = 0; group < requests.groups(); ++group) {
    if (group % requests.grid.layers == 0) prefill = random.chance(0.4);
    marked.append(requests.group(group), prefill);
  }
  return marked;
}

TEST(GroupedBeladyDecodeHits, NoPolicyDoesBetterWhateverPromptsLeaveInTheCache) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  for (int trial = 0; trial < 600; ++trial) {
    const RequestGroups requests = with_some_prefill(random, tiny_requests(random));
    for (std::uint32_t slabs = 0; slabs <= requests.grid.size(); ++slabs) {
      const DecodeHits found = grouped_belady_decode_hits(requests, slabs);
      ASSERT_EQ(found.hits, best_grouped_hits(requests, slabs)) << slabs << " slabs, trial " << trial;
      ASSERT_LE(found.hits, found.requests);
    }
  }
}

TEST(GroupedBeladyDecodeHits, AreAllHitsWhereNothingIsPrefill) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  const RequestGroups requests = random_requests(random, {2, 150}, 1000, 6);
  for (const std::uint32_t slabs : {0U, 1U, 120U, 200U}) {
    const DecodeHits found = grouped_belady_decode_hits(requests, slabs);
    EXPECT_EQ(found.hits, grouped_belady_hits(requests, slabs)) << slabs << " slabs";
    EXPECT_EQ(found.requests, requests.requests());
  }
}

/// Wide and long enough for the sweep of passed uses to run several times while many experts are kept.
RequestGroups wide_requests(Random& random) {
  return random_requests(random, {2, 150}, 1000, 6);
}

TEST(BeladyHits, EqualsTheRuleWrittenDownNaively) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  for (int trial = 0; trial < 32; ++trial) {
    const RequestGroups requests = wide_requests(random);
    for (const std::uint32_t slabs : {0U, 1U, 120U, 200U}) {
      ASSERT_EQ(belady_hits(requests, slabs), simulate_belady(requests, slabs)) << slabs << " slabs";
    }
  }
}

TEST(GroupedBeladyHits, EqualsTheRuleWrittenDownNaively) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  for (int trial = 0; trial < 32; ++trial) {
    const RequestGroups requests = wide_requests(random);
    for (const std::uint32_t slabs : {0U, 1U, 120U, 200U}) {
      ASSERT_EQ(grouped_belady_hits(requests, slabs), simulate_grouped_belady(requests, slabs))
          << slabs << " slabs";
    }
  }
}

TEST(ClairvoyantHits, GrowWithSlabsAndGroupedIsNeverBelowSequentialNorThatBelowLru) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  const RequestGroups requests = random_requests(random, {4, 16}, 300, 5);
  const MissRatioCurve lru = lru_curve(requests);
  std::uint64_t sequential_before = 0;
  std::uint64_t grouped_before = 0;
  for (std::uint32_t slabs = 0; slabs <= requests.grid.size(); ++slabs) {
    SCOPED_TRACE(slabs);
    const std::uint64_t sequential = belady_hits(requests, slabs);
    const std::uint64_t grouped = grouped_belady_hits(requests, slabs);
    EXPECT_GE(sequential, sequential_before);
    EXPECT_GE(grouped, grouped_before);
    EXPECT_GE(grouped, sequential);
    EXPECT_GE(sequential, lru.hits[slabs]);
    sequential_before = sequential;
    grouped_before = grouped;
  }
  EXPECT_EQ(sequential_before, lru.hits.back());
  EXPECT_EQ(grouped_before, lru.hits.back());
}

}  // namespace
}  // namespace prophet::test
