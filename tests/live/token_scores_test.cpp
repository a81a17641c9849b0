// What a row of logits says about the next token, and what a text's windows add up to.
#include "runtime/engine/live/token_scores.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "runtime/engine/live/perplexity_report.hpp"

namespace prophet {
namespace {

TEST(TokenScores, AreThoseOfASoftmaxWhateverIsAddedToAllLogits) {
  // Weights 1 : 2 : 5 of 8, and a constant that would overflow a plain sum of powers.
  for (const double added : {0.0, 900.0, -900.0}) {
    const std::array<float, 3> logits = {static_cast<float>(added), static_cast<float>(added + std::log(2.0)),
                                         static_cast<float>(added + std::log(5.0))};
    const TokenDistribution distribution(logits);
    const double tolerance = added == 0 ? 1e-7 : 1e-4;  // of fp32 logits of that size
    EXPECT_NEAR(distribution.log_probability(0), std::log(1.0 / 8), tolerance);
    EXPECT_NEAR(distribution.log_probability(1), std::log(2.0 / 8), tolerance);
    EXPECT_NEAR(distribution.log_probability(2), std::log(5.0 / 8), tolerance);
    EXPECT_EQ(distribution.most_probable(), 2U);
    EXPECT_TRUE(distribution.finite());
  }
}

TEST(TokenScores, DivergenceIsZeroOfEqualLogitsAndByHandOfOthers) {
  const std::array<float, 2> even = {0.0F, 0.0F};
  const std::array<float, 2> uneven = {0.0F, static_cast<float>(std::log(3.0))};
  const TokenDistribution p(even);
  const TokenDistribution q(uneven);
  EXPECT_EQ(p.kl_divergence(p), 0.0);
  EXPECT_NEAR(p.kl_divergence(q), 0.5 * std::log(0.5 / 0.25) + 0.5 * std::log(0.5 / 0.75), 1e-7);
  EXPECT_NEAR(q.kl_divergence(p), 0.25 * std::log(0.25 / 0.5) + 0.75 * std::log(0.75 / 0.5), 1e-7);
  EXPECT_EQ(p.most_probable(), 0U) << "of two as probable the lower id";
}

TEST(TokenScores, LogitsThatAreNotFiniteAreNoticed) {
  for (const float wrong : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
    const std::array<float, 3> logits = {1.0F, wrong, 2.0F};
    EXPECT_FALSE(TokenDistribution(logits).finite()) << wrong;
  }
}

TEST(TokenWindows, DoNotOverlapAndAShortTextIsOneByItself) {
  const TokenWindows whole = cut_windows(1000, 300);
  EXPECT_EQ(whole.tokens, 300U);
  EXPECT_EQ(whole.count, 3U);
  EXPECT_EQ(whole.left_over, 100U);
  EXPECT_EQ(whole.predicted(), 3U * 299);
  EXPECT_EQ(whole.run(), 900U);
  const TokenWindows one = cut_windows(7, 300);
  EXPECT_EQ(one.tokens, 7U);
  EXPECT_EQ(one.count, 1U);
  EXPECT_EQ(one.left_over, 0U);
  EXPECT_EQ(one.predicted(), 6U);
}

TEST(PerplexityReport, DifferencesArePairedByWindow) {
  // Windows of one predicted token. Hard and easy windows vary by bits; the difference by a tenth of that.
  const TokenWindows windows = {2, 4, 0};
  FormatRow stored;
  FormatRow other;
  const std::array<double, 4> bits = {1.0, 5.0, 2.0, 8.0};
  const std::array<double, 4> more = {0.1, 0.3, 0.1, 0.3};
  for (std::size_t w = 0; w < bits.size(); ++w) {
    stored.window_nats.push_back(bits[w] * std::numbers::ln2);
    other.window_nats.push_back((bits[w] + more[w]) * std::numbers::ln2);
  }
  EXPECT_NEAR(bits_per_token(windows, stored).mean, 4.0, 1e-12);
  EXPECT_NEAR(bits_per_token(windows, stored).standard_error, std::sqrt(30.0 / 3 / 4), 1e-12);
  EXPECT_NEAR(perplexity(windows, stored), 16.0, 1e-9);
  const Estimate difference = bits_more(windows, other, stored);
  EXPECT_NEAR(difference.mean, 0.2, 1e-12);
  EXPECT_NEAR(difference.standard_error, std::sqrt(0.04 / 3 / 4), 1e-12);
  EXPECT_EQ(bits_more(windows, stored, stored).mean, 0.0);
  EXPECT_TRUE(std::isnan(estimate(std::vector<double>{1.0}).standard_error))
      << "one window says nothing of it";
}

}  // namespace
}  // namespace prophet
