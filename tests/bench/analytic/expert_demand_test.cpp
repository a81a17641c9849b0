// Distinct experts of a step, and the rates at which a cache holds them, against values computed by hand.
#include "bench/analytic/expert_demand.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

#include "bench/analytic/popularity.hpp"

namespace prophet::analytic {
namespace {

TEST(ExpertDemand, ThePowerLawIsTopKAtBatchOneAndStopsAtAllExperts) {
  EXPECT_DOUBLE_EQ(unique_power_law(64, 6, 1), 6);
  EXPECT_NEAR(unique_power_law(64, 6, 4), 6 * 3.6401, 1e-3);
  EXPECT_NEAR(unique_power_law(128, 1, 16), 13.2514, 1e-3);
  EXPECT_DOUBLE_EQ(unique_power_law(8, 2, 8), 8);
}

TEST(ExpertDemand, UniformRoutingNeedsWhatAnUrnGives) {
  EXPECT_NEAR(unique_uniform(8, 2, 1), 2, 1e-12);
  EXPECT_NEAR(unique_uniform(8, 2, 2), 8 * (1 - 0.75 * 0.75), 1e-12);
  EXPECT_NEAR(unique_uniform(64, 64, 1), 64, 1e-12);
}

TEST(ExpertDemand, UniformRoutingAgreesWithTokensDrawnAtRandom) {
  const std::uint64_t seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  constexpr int rounds = 4000;
  double sum = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<bool> wanted(60);
    for (int token = 0; token < 8; ++token) {
      std::vector<int> urn(60);
      for (int i = 0; i < 60; ++i) urn[static_cast<std::size_t>(i)] = i;
      for (std::size_t pick = 0; pick < 4; ++pick) {
        std::swap(urn[pick], urn[pick + random() % (60 - pick)]);
        wanted[static_cast<std::size_t>(urn[pick])] = true;
      }
    }
    sum += static_cast<double>(std::count(wanted.begin(), wanted.end(), true));
  }
  EXPECT_NEAR(sum / rounds, unique_uniform(60, 4, 8), 0.25);
}

TEST(ExpertDemand, SavingsSparsityAndReuseAreThreeThings) {
  const Sharing alone = sharing(128, 1, 1, unique_power_law(128, 1, 1));
  EXPECT_DOUBLE_EQ(alone.savings, 127.0 / 128);
  EXPECT_DOUBLE_EQ(alone.sparsity, 128);
  EXPECT_DOUBLE_EQ(alone.reuse, 1) << "one token shares nothing";
  const Sharing many = sharing(128, 1, 64, unique_power_law(128, 1, 64));
  EXPECT_NEAR(many.reuse, std::pow(64, 0.068), 1e-12);
  EXPECT_LT(many.sparsity, alone.sparsity);
}

TEST(ExpertDemand, TheLawSaturatesWhereItAsksForAllExperts) {
  EXPECT_NEAR(saturation_batch(8, 2), 4.43, 0.01);
  EXPECT_NEAR(saturation_batch(64, 6), 12.7, 0.05);
  EXPECT_NEAR(saturation_batch(128, 1), 182.4, 0.2);
  EXPECT_NEAR(unique_power_law(64, 6, saturation_batch(64, 6)), 64, 1e-9);
}

TEST(Popularity, WithoutPreferencesDemandIsTheUniformExpectation) {
  for (const double batch : {1.0, 4.0, 64.0}) {
    EXPECT_NEAR(expected_unique(step_demand(60, 4, batch, 0)), unique_uniform(60, 4, batch), 1e-9);
    EXPECT_NEAR(expected_unique(step_demand(60, 4, batch, 1e-6)), unique_uniform(60, 4, batch), 1e-3);
  }
}

TEST(Popularity, ATokenWantsTopKExpertsHoweverUnequalTheyAre) {
  for (const double zipf : {0.0, 0.5, 1.0, 3.0}) {
    const auto demand = step_demand(128, 8, 1, zipf);
    EXPECT_NEAR(expected_unique(demand), 8, 1e-6) << zipf;
    EXPECT_TRUE(std::is_sorted(demand.rbegin(), demand.rend())) << zipf;
  }
  EXPECT_LT(expected_unique(step_demand(128, 8, 16, 1.0)), expected_unique(step_demand(128, 8, 16, 0)));
}

TEST(Popularity, WithoutPreferencesACacheHitsAsOftenAsItIsLarge) {
  const auto demand = step_demand(64, 8, 1, 0);
  for (const double slots : {8.0, 16.0, 63.0, 64.0}) {
    EXPECT_NEAR(che_hit_rate(demand, slots), slots / 64, 1e-9);
    EXPECT_NEAR(static_hit_rate(demand, slots), slots / 64, 1e-9);
  }
}

/// An LRU cache of single requests, simulated, beside Che's approximation of it.
TEST(Popularity, ChesApproximationAgreesWithASimulatedCache) {
  const std::uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  const auto demand = step_demand(100, 1, 1, 1.0);
  std::discrete_distribution<std::size_t> draw(demand.begin(), demand.end());
  std::vector<std::size_t> stack;
  int hits = 0;
  constexpr int warm = 2000;
  constexpr int requests = 60000;
  for (int i = 0; i < requests + warm; ++i) {
    const std::size_t wanted = draw(random);
    const auto found = std::find(stack.begin(), stack.end(), wanted);
    if (found != stack.end() && i >= warm) ++hits;
    if (found != stack.end()) stack.erase(found);
    stack.insert(stack.begin(), wanted);
    if (stack.size() > 20) stack.pop_back();
  }
  EXPECT_NEAR(static_cast<double>(hits) / requests, che_hit_rate(demand, 20), 0.02);
}

TEST(Popularity, TheMostPopularExpertsServeMoreThanRecentOnes) {
  const auto demand = step_demand(100, 4, 1, 1.0);
  EXPECT_GT(static_hit_rate(demand, 20), che_hit_rate(demand, 20));
  EXPECT_GT(che_hit_rate(demand, 20), 0.2);
}

}  // namespace
}  // namespace prophet::analytic
