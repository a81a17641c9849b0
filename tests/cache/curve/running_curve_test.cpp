#include "runtime/cache/running_curve.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/cache/lfu.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{3, 8};

/// Distinct experts of one layer, some wanted far more often than others.
std::vector<ExpertIndex> draw_layer(Random& random, std::uint32_t layer) {
  std::vector<ExpertIndex> wanted;
  for (std::uint32_t e = 0; e < grid.experts; ++e)
    if (random.chance(0.9 / (1 + e))) wanted.push_back(grid.index(LayerId{layer}, ExpertId{e}));
  return wanted;
}

TEST(RunningCurve, AddsUpTheDecayedCountsOfTheMostWanted) {
  const std::uint64_t seed = testing_support::fresh_seed();
  Random random(seed);
  const double half_life = 5;
  RunningCurve curve(grid, half_life);
  std::vector<double> counts(grid.size(), 0.0);
  double tokens = 0;
  // Long enough for the weights to be scaled back at least once.
  for (int pass = 0; pass < 3000; ++pass) {
    const auto size = static_cast<std::uint32_t>(random.below(4));
    const double kept = std::exp2(-static_cast<double>(size) / half_life);
    for (double& count : counts) count *= kept;
    tokens = tokens * kept + size;
    curve.begin_pass(size);
    for (std::uint32_t t = 0; t < size; ++t) {
      for (std::uint32_t l = 0; l < grid.layers; ++l) {
        for (const ExpertIndex expert : draw_layer(random, l)) {
          curve.request(expert);
          counts[expert.index()] += 1;
        }
      }
    }
  }
  curve.update();
  std::sort(counts.begin(), counts.end(), std::greater<>());
  for (const double pass_tokens : {1.0, 2.5, 7.0}) {
    for (std::uint32_t slabs = 0; slabs <= counts.size(); ++slabs) {
      double misses = 0;
      for (std::size_t e = slabs; e < counts.size(); ++e)
        misses += 1 - std::pow(1 - std::min(1.0, counts[e] / tokens), pass_tokens);
      ASSERT_NEAR(curve.misses(pass_tokens, slabs), misses, 1e-9) << slabs << ", PROPHET_SEED=" << seed;
    }
  }
  EXPECT_EQ(curve.misses(1, grid.size() + 2), 0);
}

/// Hits of a pass of `tokens` tokens in an LFU cache, on average, and what the curve says of it.
void expect_hits_of_lfu(std::uint32_t tokens, std::uint32_t slabs, std::uint64_t seed) {
  Random random(seed);
  RunningCurve curve(grid, 200.0 * tokens);
  ExpertCache cache(grid, {slabs, 8}, std::make_unique<LfuPolicy>(grid, 200));
  std::uint64_t hits = 0;
  constexpr int passes = 4000;
  for (int pass = 0; pass < passes; ++pass) {
    curve.begin_pass(tokens);
    for (std::uint32_t l = 0; l < grid.layers; ++l) {
      cache.begin_layer(LayerId{l}, static_cast<std::uint64_t>(pass));
      std::set<ExpertIndex> wanted;
      for (std::uint32_t t = 0; t < tokens; ++t) {
        for (const ExpertIndex expert : draw_layer(random, l)) {
          curve.request(expert);
          wanted.insert(expert);
        }
      }
      if (wanted.empty()) continue;
      LayerLease lease = cache.acquire(std::vector<ExpertIndex>(wanted.begin(), wanted.end()));
      hits += lease.hits().size();
      for (const Acquired& miss : lease.misses()) cache.complete(miss.ticket);
    }
  }
  curve.update();
  const double measured = static_cast<double>(hits) / passes;
  EXPECT_NEAR(curve.misses(tokens, 0) - curve.misses(tokens, slabs), measured, 0.15 * measured)
      << slabs << " slabs, " << tokens << " tokens, PROPHET_SEED=" << seed;
}

TEST(RunningCurve, ForeseesTheHitsOfACacheThatKeepsTheMostWanted) {
  const std::uint64_t seed = testing_support::fresh_seed();
  for (const std::uint32_t slabs : {3U, 8U, 16U}) expect_hits_of_lfu(1, slabs, seed);
  // As many at a time as there are staging slabs: a layer's experts are 8.
  for (const std::uint32_t slabs : {8U, 16U}) expect_hits_of_lfu(3, slabs, seed);
}

}  // namespace
}  // namespace prophet::testing
