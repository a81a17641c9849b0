#include "runtime/engine/live/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "prophet/error.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet::testing {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

Sampling drawn(double temperature, std::uint32_t top_k, double top_p, std::uint64_t seed) {
  Sampling sampling;
  sampling.temperature = temperature;
  sampling.top_k = top_k;
  sampling.top_p = top_p;
  sampling.seed = seed;
  return sampling;
}

/// softmax(logits / temperature) of the tokens in `kept`, 0 of the others.
std::vector<double> distribution(const std::vector<float>& logits, double temperature,
                                 const std::vector<std::size_t>& kept) {
  std::vector<double> p(logits.size(), 0);
  double sum = 0;
  for (const std::size_t t : kept) sum += p[t] = std::exp(static_cast<double>(logits[t]) / temperature);
  for (double& value : p) value /= sum;
  return p;
}

/// Pearson's statistic of `draws` draws against `expected`; infinite when a token of probability 0 was drawn.
double chi_square(const Sampling& sampling, const std::vector<float>& logits,
                  const std::vector<double>& expected, std::size_t draws) {
  std::vector<double> counts(logits.size(), 0);
  Sampler sampler(sampling, 0);
  for (std::size_t i = 0; i < draws; ++i) counts[sampler.next(logits)] += 1;
  double sum = 0;
  for (std::size_t t = 0; t < logits.size(); ++t) {
    const double mean = expected[t] * static_cast<double>(draws);
    if (mean == 0 && counts[t] > 0) return std::numeric_limits<double>::infinity();
    if (mean > 0) sum += (counts[t] - mean) * (counts[t] - mean) / mean;
  }
  return sum;
}

/// What a chi-square of so many degrees of freedom exceeds once in about 10^9 times (Wilson and Hilferty's
/// approximation, 1931), so that a fresh seed may be drawn in every run.
double once_in_a_billion(std::size_t degrees) {
  const double d = static_cast<double>(degrees);
  const double root = 1 - 2 / (9 * d) + 6.0 * std::sqrt(2 / (9 * d));
  return d * root * root * root;
}

constexpr std::size_t draws = 100'000;
const std::vector<float> logits{0.3F, -1.0F, 2.0F, 1.9F, 0.0F, 2.0F, -3.0F, 1.0F};
// Descending: 2 and 5 are equal, then 3, 7, 0, 4, 1, 6.

TEST(Sampler, DrawsBySoftmaxOfLogitsOverTemperature) {
  for (const double temperature : {0.5, 1.0, 3.0}) {
    const auto expected = distribution(logits, temperature, {0, 1, 2, 3, 4, 5, 6, 7});
    const Sampling sampling = drawn(temperature, 0, 1, testing_support::fresh_seed());
    EXPECT_LT(chi_square(sampling, logits, expected, draws), once_in_a_billion(7)) << temperature;
  }
}

TEST(Sampler, TopKKeepsTheMostProbableAndTheLowerIdOfEqualOnes) {
  const std::uint64_t seed = testing_support::fresh_seed();
  EXPECT_LT(chi_square(drawn(1, 3, 1, seed), logits, distribution(logits, 1, {2, 5, 3}), draws),
            once_in_a_billion(2));
  Sampler one(drawn(1, 1, 1, seed), 0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(one.next(logits), 2U);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  const std::uint64_t seed = testing_support::fresh_seed();
  const auto p = distribution(logits, 1, {0, 1, 2, 3, 4, 5, 6, 7});
  const double two = p[2] + p[5];
  // A little less than two tokens have keeps two, a little more keeps the third.
  EXPECT_LT(chi_square(drawn(1, 0, two - 1e-6, seed), logits, distribution(logits, 1, {2, 5}), draws),
            once_in_a_billion(1));
  EXPECT_LT(chi_square(drawn(1, 0, two + 1e-6, seed), logits, distribution(logits, 1, {2, 5, 3}), draws),
            once_in_a_billion(2));
  Sampler least(drawn(1, 0, 1e-9, seed), 0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(least.next(logits), 2U);
}

TEST(Sampler, TopPIsOfWhatTopKLeftAndOfTheTemperature) {
  // Of tokens 2, 5 and 3 at temperature 2, the first two have this share.
  const auto of_three = distribution(logits, 2, {2, 5, 3});
  const double two = of_three[2] + of_three[5];
  const std::uint64_t seed = testing_support::fresh_seed();
  EXPECT_LT(chi_square(drawn(2, 3, two - 1e-6, seed), logits, distribution(logits, 2, {2, 5}), draws),
            once_in_a_billion(1));
  EXPECT_LT(chi_square(drawn(2, 3, two + 1e-6, seed), logits, of_three, draws), once_in_a_billion(2));
}

TEST(Sampler, GreedyTakesTheLowestIdOfEqualLogits) {
  Sampler greedy(Sampling{}, 3);
  EXPECT_EQ(greedy.next(logits), 2U);
  EXPECT_EQ(greedy.next(std::vector<float>{1, 1, 1}), 0U);
  EXPECT_EQ(greedy.next(std::vector<float>{-5}), 0U);
}

TEST(Sampler, IsAFunctionOfSeedAndSequence) {
  const std::uint64_t seed = testing_support::fresh_seed();
  const auto tokens = [&](std::uint64_t of_seed, std::uint64_t sequence) {
    Sampler sampler(drawn(1, 0, 1, of_seed), sequence);
    std::vector<std::uint32_t> all;
    for (int i = 0; i < 200; ++i) all.push_back(sampler.next(logits));
    return all;
  };
  EXPECT_EQ(tokens(seed, 0), tokens(seed, 0));
  EXPECT_NE(tokens(seed, 0), tokens(seed, 1));
  EXPECT_NE(tokens(seed, 0), tokens(seed + 1, 0));
}

TEST(Sampler, NeverDrawsWhatIsNotFinite) {
  const std::vector<float> spoilt{nan, 0.5F, infinity, 0.25F, -infinity, nan};
  EXPECT_EQ(most_probable(spoilt), 1U);
  const Sampling sampling = drawn(1, 0, 1, testing_support::fresh_seed());
  EXPECT_LT(chi_square(sampling, spoilt, distribution(spoilt, 1, {1, 3}), draws), once_in_a_billion(1));
}

TEST(Sampler, LogitsWithoutANumberAreAnError) {
  Sampler greedy(Sampling{}, 0);
  Sampler warm(drawn(1, 0, 1, 0), 0);
  for (Sampler* sampler : {&greedy, &warm}) {
    try {
      (void)sampler->next(std::vector<float>{nan, infinity, nan});
      FAIL() << "a token was drawn from nothing";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::check_failed);
      EXPECT_STREQ(error.what(), "sampling: none of 3 logits is a finite number, expected a model's");
    }
  }
}

TEST(Sampler, LogitsOfAnyMagnitudeOverflowNothing) {
  const std::vector<float> wide{3e38F, -3e38F, 3e38F, 0};
  Sampler sampler(drawn(0.01, 0, 1, testing_support::fresh_seed()), 0);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(sampler.next(wide) % 2, 0U);
}

TEST(Sampler, RefusesNumbersOutOfRange) {
  for (const double temperature : {-1.0, static_cast<double>(nan), static_cast<double>(infinity)})
    EXPECT_THROW(check_sampling(drawn(temperature, 0, 1, 0)), Error) << temperature;
  for (const double top_p : {0.0, -0.5, 1.01, static_cast<double>(nan)})
    EXPECT_THROW(check_sampling(drawn(1, 0, top_p, 0)), Error) << top_p;
  EXPECT_NO_THROW(check_sampling(drawn(0, 1'000'000, 1, 0)));
}

}  // namespace
}  // namespace prophet::testing
