#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "runtime/cache/miss_ratio_curve.hpp"
#include "tests/cache/curve/naive.hpp"
#include "tests/cache/curve/random_requests.hpp"

namespace prophet::test {
namespace {

using ::testing::ElementsAre;

RequestGroups requests_one_by_one(ExpertGrid grid, std::initializer_list<std::uint32_t> experts) {
  RequestGroups requests;
  requests.grid = grid;
  for (const std::uint32_t value : experts) {
    const ExpertIndex expert{value};
    requests.append({&expert, 1});
  }
  return requests;
}

TEST(LruCurve, CountsADepthOfOneForARepeatAndOfNForACycle) {
  EXPECT_THAT(lru_curve(requests_one_by_one({1, 3}, {0, 0, 0})).hits, ElementsAre(0, 2, 2, 2));
  EXPECT_THAT(lru_curve(requests_one_by_one({1, 3}, {0, 1, 2, 0, 1, 2})).hits, ElementsAre(0, 0, 0, 3));
  EXPECT_THAT(lru_curve(requests_one_by_one({1, 3}, {0, 1, 0, 2, 1})).hits, ElementsAre(0, 0, 1, 2));
}

TEST(LruCurve, OfNoRequestsIsZeroEverywhere) {
  const MissRatioCurve curve = lru_curve(requests_one_by_one({1, 2}, {}));
  EXPECT_EQ(curve.requests, 0U);
  EXPECT_THAT(curve.hits, ElementsAre(0, 0, 0));
  EXPECT_EQ(curve.hit_rate(2), 0.0);
}

TEST(LruCurve, EqualsSequentialLruSimulationAtEveryCapacity) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  for (int trial = 0; trial < 20; ++trial) {
    const ExpertGrid grid{1 + static_cast<std::uint32_t>(random.below(5)),
                          1 + static_cast<std::uint32_t>(random.below(16))};
    const auto group_max = 1 + static_cast<std::uint32_t>(random.below(grid.experts));
    const RequestGroups requests = random_requests(random, grid, 1000 / grid.layers, group_max);
    const MissRatioCurve curve = lru_curve(requests);
    EXPECT_EQ(curve.requests, requests.requests());
    ASSERT_EQ(curve.hits.size(), std::size_t{grid.size()} + 1);
    for (std::uint32_t slabs = 0; slabs <= grid.size(); ++slabs) {
      ASSERT_EQ(curve.hits[slabs], simulate_lru(requests, slabs)) << slabs << " slabs, trial " << trial;
    }
  }
}

TEST(LruCurve, EqualsTheStackOfAModelWithThousandsOfExperts) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  const RequestGroups requests = random_requests(random, {58, 64}, 120, 8);
  std::vector<std::uint64_t> hits = count_depths(requests);
  hits[0] = 0;
  std::partial_sum(hits.begin(), hits.end(), hits.begin());
  EXPECT_EQ(lru_curve(requests).hits, hits);
}

TEST(LruCurve, WithASlabForEveryExpertMissesFirstUsesOnly) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  const RequestGroups requests = random_requests(random, {4, 32}, 500, 4);
  EXPECT_EQ(lru_curve(requests).hits.back(), requests.requests() - count_depths(requests)[0]);
}

}  // namespace
}  // namespace prophet::test
