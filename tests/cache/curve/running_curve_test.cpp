#include "runtime/cache/running_curve.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
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
  double passes = 0;
  // Long enough for the weights to be scaled back at least once.
  for (int pass = 0; pass < 3000; ++pass) {
    for (double& count : counts) count *= std::exp2(-1 / half_life);
    passes = passes * std::exp2(-1 / half_life) + 1;
    curve.begin_pass();
    for (std::uint32_t l = 0; l < grid.layers; ++l) {
      for (const ExpertIndex expert : draw_layer(random, l)) {
        curve.request(expert);
        counts[expert.index()] += 1;
      }
    }
  }
  curve.update();
  std::sort(counts.begin(), counts.end(), std::greater<>());
  double sum = 0;
  for (std::size_t slabs = 0; slabs <= counts.size(); ++slabs) {
    ASSERT_NEAR(curve.hits()[slabs], sum / passes, 1e-9) << slabs;
    if (slabs < counts.size()) sum += counts[slabs];
  }
  EXPECT_NEAR(curve.gain_per_slab(4, 2), (counts[4] + counts[5]) / 2 / passes, 1e-9);
  EXPECT_NEAR(curve.loss_per_slab(4, 2), (counts[2] + counts[3]) / 2 / passes, 1e-9);
  EXPECT_EQ(curve.gain_per_slab(grid.size(), 2), 0);
}

TEST(RunningCurve, ForeseesTheHitsOfACacheThatKeepsTheMostWanted) {
  const std::uint64_t seed = testing_support::fresh_seed();
  for (const std::uint32_t slabs : {3U, 8U, 16U}) {
    Random random(seed);
    RunningCurve curve(grid, 200);
    ExpertCache cache(grid, {slabs, 8}, std::make_unique<LfuPolicy>(grid, 200));
    std::uint64_t hits = 0;
    constexpr int passes = 4000;
    for (int pass = 0; pass < passes; ++pass) {
      curve.begin_pass();
      for (std::uint32_t l = 0; l < grid.layers; ++l) {
        cache.begin_layer(LayerId{l}, static_cast<std::uint64_t>(pass));
        const std::vector<ExpertIndex> wanted = draw_layer(random, l);
        for (const ExpertIndex expert : wanted) curve.request(expert);
        if (wanted.empty()) continue;
        LayerLease lease = cache.acquire(wanted);
        hits += lease.hits().size();
        for (const Acquired& miss : lease.misses()) cache.complete(miss.ticket);
      }
    }
    curve.update();
    const double measured = static_cast<double>(hits) / passes;
    EXPECT_NEAR(curve.hits()[slabs], measured, 0.15 * measured) << slabs << " slabs, PROPHET_SEED=" << seed;
  }
}

}  // namespace
}  // namespace prophet::testing
