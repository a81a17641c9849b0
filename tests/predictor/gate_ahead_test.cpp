#include "predictor/gate_ahead_predictor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/router_topk.hpp"
#include "predictor/forecast_counts.hpp"
#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{6, 16};
constexpr std::uint32_t top_k = 3;

std::vector<float> random_logits(Random& random) {
  std::vector<float> logits(grid.experts);
  for (float& logit : logits) logit = static_cast<float>(random.below(4000)) / 500.0F - 4.0F;
  return logits;
}

/// What a router chooses by these logits.
std::vector<ExpertId> route(const std::vector<float>& logits) {
  kernels::RouterRule rule;
  rule.experts = grid.experts;
  rule.top_k = top_k;
  std::vector<std::uint32_t> ids(top_k);
  std::vector<float> weights(top_k);
  EXPECT_EQ(kernels::router_topk(logits, {}, 1, rule, ids, weights), kernels::Status::ok);
  std::vector<ExpertId> chosen;
  for (const std::uint32_t id : ids) chosen.emplace_back(id);
  return chosen;
}

std::vector<ExpertId> most_probable(const std::vector<float>& probability, std::size_t count) {
  std::vector<NamedExpert> named;
  for (std::uint32_t e = 0; e < probability.size(); ++e)
    named.push_back({ExpertId{e}, probability[e], false});
  rank_most_probable(named, count);
  std::vector<ExpertId> best;
  for (std::size_t i = 0; i < count; ++i) best.push_back(named[i].expert);
  return best;
}

TEST(GateAhead, NamesTheExpertsInTheOrderOfTheLogits) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  GateAheadPredictor predictor(grid, top_k, 1, 2);
  for (int token = 0; token < 200; ++token) {
    predictor.observe(LaneId{0}, LayerId{1}, route(random_logits(random)));
    const std::vector<float> logits = random_logits(random);
    predictor.observe_ahead(LaneId{0}, LayerId{1}, LayerId{3}, logits);
    const std::vector<float> said = ask(predictor, grid, 1, 3);
    ASSERT_EQ(said.size(), grid.experts);
    EXPECT_EQ(most_probable(said, top_k), route(logits));
    predictor.observe(LaneId{0}, LayerId{3}, route(random_logits(random)));  // learns that it knows nothing
  }
}

// Whatever the logits, ties and not-a-numbers among them.
TEST(GateAhead, OnItsOwnInputARouterIsCertainOfItsChoice) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  for (int round = 0; round < 500; ++round) {
    GateAheadPredictor predictor(grid, top_k, 2, 1);
    std::vector<float> expected(grid.experts, 0.0F);
    for (const std::uint32_t lane : {0U, 1U}) {
      std::vector<float> logits(grid.experts);
      for (float& logit : logits) logit = static_cast<float>(random.below(4));
      if (random.chance(0.2)) logits[random.below(grid.experts)] = std::numeric_limits<float>::quiet_NaN();
      predictor.observe_ahead(LaneId{lane}, LayerId{2}, LayerId{2}, logits);
      for (const ExpertId e : route(logits)) expected[e.index()] = 1;
    }
    EXPECT_EQ(ask(predictor, grid, 2, 2), expected);
  }
}

TEST(GateAhead, SaysNothingOfLayersItWasNotTold) {
  GateAheadPredictor predictor(grid, top_k, 1, 2);
  const std::vector<float> logits(grid.experts, 0.5F);
  predictor.observe_ahead(LaneId{0}, LayerId{1}, LayerId{2}, logits);
  EXPECT_FALSE(ask(predictor, grid, 1, 2).empty());
  EXPECT_TRUE(ask(predictor, grid, 1, 3).empty()) << "the router of layer 3 was not applied";
  EXPECT_TRUE(ask(predictor, grid, 0, 2).empty()) << "made at another layer";
  EXPECT_TRUE(ask(predictor, grid, 5, 0).empty()) << "the next step";
  EXPECT_TRUE(ask(predictor, grid, 1, 5).empty()) << "further than it looks";
  predictor.observe(LaneId{0}, LayerId{2}, {});
  EXPECT_TRUE(ask(predictor, grid, 1, 2).empty()) << "the layer has run";
  predictor.observe_ahead(LaneId{0}, LayerId{1}, LayerId{2}, logits);
  predictor.start_lane(LaneId{0});
  EXPECT_TRUE(ask(predictor, grid, 1, 2).empty()) << "another sequence";
}

TEST(GateAhead, CombinesLanesAsIndependent) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  GateAheadPredictor both(grid, top_k, 2, 1);
  std::vector<float> nobody(grid.experts, 1.0F);
  for (const std::uint32_t lane : {0U, 1U}) {
    const std::vector<float> logits = random_logits(random);
    GateAheadPredictor one(grid, top_k, 1, 1);
    one.observe_ahead(LaneId{0}, LayerId{0}, LayerId{1}, logits);
    both.observe_ahead(LaneId{lane}, LayerId{0}, LayerId{1}, logits);
    const std::vector<float> said = ask(one, grid, 0, 1);
    for (std::size_t e = 0; e < said.size(); ++e) nobody[e] *= 1 - said[e];
  }
  for (float& p : nobody) p = 1 - p;
  EXPECT_THAT(ask(both, grid, 0, 1), ::testing::Pointwise(::testing::FloatNear(1e-6F), nobody));
}

// Layers are as noisy as they are, and in any unit: what is said is what comes.
TEST(GateAhead, ProbabilitiesBecomeFrequencies) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  for (const float unit : {0.01F, 1.0F, 30.0F}) {
    GateAheadPredictor predictor(grid, top_k, 1, 1);
    double said = 0;
    double squared = 0;
    double variance = 0;
    for (int token = 0; token < 4000; ++token) {
      std::vector<float> true_logits = random_logits(random);
      std::vector<float> guess = true_logits;
      for (float& logit : guess) logit = unit * (logit + static_cast<float>(random.below(3000)) / 1000.0F);
      predictor.observe_ahead(LaneId{0}, LayerId{0}, LayerId{1}, guess);
      const std::vector<float> probability = ask(predictor, grid, 0, 1);
      std::vector<ExpertId> came = route(true_logits);
      predictor.observe(LaneId{0}, LayerId{1}, came);
      if (token < 1000) continue;
      for (std::uint32_t e = 0; e < grid.experts; ++e) {
        const double p = static_cast<double>(probability[e]);
        const double wanted = std::find(came.begin(), came.end(), ExpertId{e}) != came.end() ? 1 : 0;
        said += p;
        squared += (p - wanted) * (p - wanted);
        variance += p * (1 - p);
      }
    }
    EXPECT_NEAR(said / 3000, top_k, 0.05) << "unit " << unit;
    EXPECT_NEAR(squared, variance, 0.1 * variance) << "unit " << unit;
    EXPECT_LT(squared / (3000 * grid.experts), 0.08) << "unit " << unit << ": a constant says 0.152";
  }
}

}  // namespace
}  // namespace prophet::testing
