#include <gtest/gtest.h>

#include <vector>

#include "prophet/error.hpp"
#include "runtime/cache/miss_ratio_curve.hpp"
#include "tests/cache/curve/random_requests.hpp"

namespace prophet::test {
namespace {

std::vector<std::uint64_t> count_requests(const RequestGroups& requests) {
  std::vector<std::uint64_t> counts(requests.grid.size());
  for (const ExpertIndex expert : requests.experts) ++counts[expert.index()];
  return counts;
}

TEST(StaticHits, AreTheRequestsOfTheHottestAndOfTheSmallerIndexAmongEquals) {
  RequestGroups requests;
  requests.grid = {1, 4};
  requests.append(std::vector{ExpertIndex{0}, ExpertIndex{1}, ExpertIndex{3}});
  requests.append(std::vector{ExpertIndex{1}, ExpertIndex{3}});
  const std::vector<std::uint64_t> popularity{5, 9, 9, 1};
  EXPECT_EQ(static_hits(requests, popularity, 0), 0U);
  EXPECT_EQ(static_hits(requests, popularity, 1), 2U);
  EXPECT_EQ(static_hits(requests, popularity, 2), 2U);
  EXPECT_EQ(static_hits(requests, popularity, 3), 3U);
  EXPECT_EQ(static_hits(requests, popularity, 4), 5U);
  EXPECT_EQ(static_hits(requests, popularity, 5), 5U);
}

TEST(StaticHits, GrowWithSlabsAndReachEveryRequest) {
  const std::uint64_t seed = draw_seed();
  SCOPED_TRACE(repeat_with(seed));
  Random random(seed);
  const RequestGroups requests = random_requests(random, {4, 16}, 200, 5);
  const std::vector<std::uint64_t> popularity = count_requests(requests);
  std::uint64_t before = 0;
  for (std::uint32_t slabs = 0; slabs <= requests.grid.size(); ++slabs) {
    const std::uint64_t hits = static_hits(requests, popularity, slabs);
    EXPECT_GE(hits, before) << slabs << " slabs";
    before = hits;
  }
  EXPECT_EQ(before, requests.requests());
}

TEST(StaticHits, RefusesAPopularityOfAnotherModel) {
  RequestGroups requests;
  requests.grid = {2, 3};
  try {
    (void)static_hits(requests, std::vector<std::uint64_t>(5), 1);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_STREQ(error.what(), "popularity has 5 entries: expected one for each of 2 layers x 3 experts");
  }
}

}  // namespace
}  // namespace prophet::test
