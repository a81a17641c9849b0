#include "runtime/cache/forecast_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet {
namespace {

constexpr ExpertGrid grid{3, 4};

/// Every expert of the layer enters the order.
void use_all(ForecastPolicy& policy, LayerId layer) {
  for (std::uint32_t e = 0; e < grid.experts; ++e) {
    const ExpertIndex expert = grid.index(layer, ExpertId{e});
    policy.miss(expert);
    policy.release(expert);
  }
}

TEST(ForecastPolicy, EvictsWhatIsExpectedLast) {
  ForecastPolicy policy(grid);
  policy.begin_layer(LayerId{1}, 0);
  policy.revise(LayerId{1}, std::array{3.0F, 0.0F, 9.0F, 4.0F});
  use_all(policy, LayerId{1});
  for (const std::uint32_t expected : {2U, 3U, 0U, 1U}) {
    EXPECT_EQ(policy.evict(), grid.index(LayerId{1}, ExpertId{expected}));
  }
}

TEST(ForecastPolicy, KnowsThatLayersTakeTurns) {
  ForecastPolicy policy(grid);
  for (std::uint32_t l = 0; l < grid.layers; ++l) {
    policy.begin_layer(LayerId{l}, 0);
    policy.revise(LayerId{l}, std::array{0.0F, 0.0F, 0.0F, 0.5F});
    use_all(policy, LayerId{l});
  }
  // Half a turn is one layer and a half: of layer 0 it comes between the next turns of layers 1 and 2.
  const std::array<ExpertKey, 4> order{ExpertKey{LayerId{2}, ExpertId{3}}, ExpertKey{LayerId{1}, ExpertId{3}},
                                       ExpertKey{LayerId{2}, ExpertId{2}},
                                       ExpertKey{LayerId{2}, ExpertId{1}}};
  for (const ExpertKey key : order) EXPECT_EQ(policy.evict(), grid.index(key));
}

TEST(ForecastPolicy, ANewEstimateMovesWhatIsInTheOrder) {
  ForecastPolicy policy(grid);
  policy.begin_layer(LayerId{0}, 0);
  policy.revise(LayerId{0}, std::array{0.0F, 1.0F, 2.0F, 3.0F});
  use_all(policy, LayerId{0});
  policy.begin_layer(LayerId{0}, 1);
  policy.revise(LayerId{0}, std::array{7.0F, 1.0F, 2.0F, 3.0F});
  EXPECT_EQ(policy.evict(), ExpertIndex{0});
}

TEST(ForecastPolicy, WhatIsExpectedLaterThanTheRestPassesThrough) {
  auto made = std::make_unique<ForecastPolicy>(grid);
  ForecastPolicy& policy = *made;
  ExpertCache cache(grid, {2, 1}, std::move(made));
  const auto run = [&](std::uint32_t step, std::vector<ExpertIndex> wanted, std::array<float, 4> turns) {
    cache.begin_layer(LayerId{0}, step);
    policy.revise(LayerId{0}, turns);
    LayerLease lease = cache.acquire(wanted);
    for (const Acquired& miss : lease.misses()) (void)cache.complete(miss.ticket);
    (void)lease.release();
  };
  run(0, {ExpertIndex{0}, ExpertIndex{1}}, {1, 2, 50, 50});
  run(1, {ExpertIndex{2}}, {1, 2, 50, 50});
  EXPECT_TRUE(cache.find(ExpertIndex{0}));
  EXPECT_TRUE(cache.find(ExpertIndex{1}));
  EXPECT_FALSE(cache.find(ExpertIndex{2})) << "it is worth less than what is there";
  run(2, {ExpertIndex{2}}, {1, 50, 2, 50});
  EXPECT_FALSE(cache.find(ExpertIndex{1}));
  EXPECT_TRUE(cache.find(ExpertIndex{2}));
}

/// The same orders, from a list that is searched for each answer.
TEST(ForecastPolicy, EvictsWhatASearchOfAllEstimatesFinds) {
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int world = 0; world < 200; ++world) {
    const ExpertGrid big{1 + static_cast<std::uint32_t>(random.below(6)),
                         1 + static_cast<std::uint32_t>(random.below(20))};
    ForecastPolicy policy(big);
    std::vector<double> next_use(big.size(), 0);
    std::map<ExpertIndex, double> order;
    std::vector<float> turns(big.experts);
    for (std::uint32_t at = 0; at < 60 * big.layers; ++at) {
      const LayerId layer{at % big.layers};
      const std::uint32_t step = at / big.layers;
      policy.begin_layer(layer, step);
      for (std::uint32_t e = 0; e < big.experts; ++e) {
        turns[e] = static_cast<float>(random.below(40)) / 4;  // often equal
        const ExpertIndex expert = big.index(layer, ExpertId{e});
        next_use[expert.index()] = (step + 1.0) * big.layers + layer.value + double{turns[e]} * big.layers;
        if (order.count(expert) == 1) order[expert] = next_use[expert.index()];
      }
      policy.revise(layer, turns);
      const ExpertIndex used =
          big.index(layer, ExpertId{static_cast<std::uint32_t>(random.below(big.experts))});
      order.count(used) == 1 ? policy.lease(used) : policy.miss(used);
      policy.release(used);
      order[used] = next_use[used.index()];
      ASSERT_EQ(policy.size(), order.size());
      if (!random.chance(0.4)) continue;
      const auto last = std::max_element(order.begin(), order.end(), [](const auto& a, const auto& b) {
        return a.second != b.second ? a.second < b.second : a.first < b.first;
      });
      ASSERT_EQ(policy.evict(), last->first) << "step " << step << " layer " << layer.value;
      order.erase(last);
    }
  }
}

}  // namespace
}  // namespace prophet
