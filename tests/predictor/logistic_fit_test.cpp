#include "predictor/logistic_fit.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

TEST(LogisticFit, FindsTheWeightsThatDrewTheSample) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  std::vector<float> evidence;
  std::vector<std::uint8_t> came_true;
  for (int n = 0; n < 40'000; ++n) {
    const auto a = static_cast<float>(6 * random.uniform() - 3);
    const auto b = static_cast<float>(6 * random.uniform() - 3);
    evidence.insert(evidence.end(), {a, b});
    came_true.push_back(random.chance(logistic(0.3F * a - 0.8F * b + 0.5F)) ? 1 : 0);
  }
  const LogisticWeights weights = fit_logistic({2, evidence, came_true});
  EXPECT_NEAR(weights.weight[0], 0.3F, 0.06F);
  EXPECT_NEAR(weights.weight[1], -0.8F, 0.06F);
  EXPECT_NEAR(weights.bias, 0.5F, 0.1F);
}

TEST(LogisticFit, StaysNaiveBayesWithoutASampleAndFiniteWithAPerfectOne) {
  const LogisticWeights none = fit_logistic({2, {}, {}});
  EXPECT_EQ(none.weight[0], 1.0F);
  EXPECT_EQ(none.weight[1], 1.0F);
  EXPECT_EQ(none.bias, 0.0F);
  std::vector<float> evidence;
  std::vector<std::uint8_t> came_true;
  for (int n = 0; n < 1000; ++n) {
    evidence.push_back(n < 500 ? -100.0F : 100.0F);
    came_true.push_back(n < 500 ? 0 : 1);
  }
  const LogisticWeights perfect = fit_logistic({1, evidence, came_true});
  EXPECT_GT(perfect.weight[0], 0.0F);
  EXPECT_LT(perfect.weight[0], 10.0F);
  EXPECT_NEAR(perfect.bias, 0.0F, 1.0F);
}

}  // namespace
}  // namespace prophet::testing
