// The arithmetic of fit-dedup against values known beforehand.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "bench/analytic/dedup_expectation.hpp"
#include "bench/analytic/dedup_fit.hpp"
#include "bench/analytic/expert_demand.hpp"

namespace prophet::analytic {
namespace {

std::vector<UniqueAt> built(double scale, double exponent) {
  std::vector<UniqueAt> points;
  for (const std::uint32_t batch : {1U, 2U, 4U, 8U, 16U})
    points.push_back({batch, scale * std::pow(batch, exponent)});
  return points;
}

TEST(DedupExpectation, UniformRoutingIsTheClosedForm) {
  EXPECT_DOUBLE_EQ(unique_uniform(32, 4, 1), 4);
  // Two tokens of 2 of 4: the second finds each of its two taken with probability one half.
  EXPECT_DOUBLE_EQ(unique_uniform(4, 2, 2), 3);
  // One of 128 experts, the figures that a study of MoE memory is compared with: 15.1 and 50.5.
  EXPECT_NEAR(unique_uniform(128, 1, 16), 15.1, 0.05);
  EXPECT_NEAR(unique_uniform(128, 1, 64), 50.5, 0.05);
}

TEST(DedupExpectation, EqualPopularityIsUniform) {
  const std::vector<double> equal(32, 4.0 / 32);
  for (const std::uint32_t batch : {1U, 3U, 64U})
    EXPECT_NEAR(popularity_unique(equal, batch), unique_uniform(32, 4, batch), 1e-9);
  // Always the same two experts.
  EXPECT_DOUBLE_EQ(popularity_unique(std::vector<double>{1, 1, 0, 0}, 8), 2);
}

TEST(DedupExpectation, AnyOtherPopularityNeedsFewerExperts) {
  const std::vector<double> skewed{0.9, 0.6, 0.3, 0.2};
  for (const std::uint32_t batch : {2U, 4U, 8U})
    EXPECT_LT(popularity_unique(skewed, batch), unique_uniform(4, 2, batch));
}

TEST(DedupFit, AnExactPowerLawGivesItsExponentBack) {
  const auto points = built(3, 0.7);
  const PowerLaw free = fit_power_law(points);
  EXPECT_NEAR(free.exponent, 0.7, 1e-12);
  EXPECT_NEAR(free.scale, 3, 1e-12);
  EXPECT_NEAR(free.r_squared, 1, 1e-12);
  const PowerLaw given = fit_exponent(points, 3);
  EXPECT_NEAR(given.exponent, 0.7, 1e-12);
  EXPECT_NEAR(given.r_squared, 1, 1e-12);
}

TEST(DedupFit, AWrongScaleBendsTheExponentByHand) {
  // log unique = log 2 at batch 2 and log 8 at batch 4, from log 1: slope through the origin by hand.
  const std::vector<UniqueAt> points{{2, 2}, {4, 8}};
  const double x = std::log(2.0);
  EXPECT_NEAR(fit_exponent(points, 1).exponent, (x * x + 2 * x * 3 * x) / (x * x + 4 * x * x), 1e-12);
  EXPECT_NEAR(fit_power_law(points).exponent, 2, 1e-12);
  EXPECT_NEAR(fit_power_law(points).scale, 0.5, 1e-12);
}

TEST(DedupFit, ALawWorseThanTheMeanHasNegativeRSquared) {
  EXPECT_LT(r_squared_of(built(4, 0.3), 4, 0.932), 0);
  EXPECT_NEAR(r_squared_of(built(4, 0.3), 4, 0.3), 1, 1e-12);
}

TEST(DedupFit, OnlyBatchesBelowSaturationTakePart) {
  const std::vector<UniqueAt> points{{1, 4}, {2, 7}, {4, 28.8}, {8, 28.9}, {16, 28.7}};
  EXPECT_EQ(below_saturation(points, 32, 0.9).size(), 3U);
}

TEST(DedupFit, ALawPartsWhereItIsOffByMoreThanTheTolerance) {
  // 4 * batch: 4, 8, 16, then min(16, 32) against 16, 15 and 8 at the end.
  const std::vector<UniqueAt> points{{1, 4}, {2, 8}, {4, 15}, {8, 16}};
  const Departure departure = departure_of(points, 16, {4, 1, 0}, 0.05);
  EXPECT_EQ(departure.first_batch, 4U);
  EXPECT_NEAR(departure.error_max, 16.0 / 15 - 1, 1e-12);
  EXPECT_EQ(departure.error_max_batch, 4U);
  EXPECT_FALSE(departure_of(points, 16, {4, 1, 0}, 0.1).first_batch);
}

TEST(DedupFit, TheLocalExponentIsConstantOnlyUnderAPowerLaw) {
  const auto points = built(4, 0.8);
  for (std::size_t i = 1; i < points.size(); ++i)
    EXPECT_NEAR(local_exponent(points[i - 1], points[i]), 0.8, 1e-12);
  EXPECT_GT(local_exponent({1, unique_uniform(32, 4, 1)}, {2, unique_uniform(32, 4, 2)}),
            local_exponent({8, unique_uniform(32, 4, 8)}, {16, unique_uniform(32, 4, 16)}) + 0.3);
}

TEST(DedupFit, UniformRoutingFitsWellAndEachShapeHasAnExponentOfItsOwn) {
  // Batches 1, 2, 4, ... 64 up to 90 % of the experts; the figures are those of docs/dedup.md.
  struct Shape {
    std::uint32_t experts, top_k;
    double exponent, r_squared;
  };
  for (const Shape& shape :
       {Shape{8, 2, 0.661, 0.971}, Shape{64, 8, 0.760, 0.976}, Shape{60, 4, 0.812, 0.977},
        Shape{128, 8, 0.822, 0.980}, Shape{256, 8, 0.864, 0.983}, Shape{128, 1, 0.963, 0.999}}) {
    std::vector<UniqueAt> points;
    for (std::uint32_t batch = 1; batch <= 64; batch *= 2)
      points.push_back({batch, unique_uniform(shape.experts, shape.top_k, batch)});
    const PowerLaw law = fit_exponent(below_saturation(points, shape.experts, 0.9), shape.top_k);
    EXPECT_NEAR(law.exponent, shape.exponent, 0.0006) << shape.experts;
    EXPECT_NEAR(law.r_squared, shape.r_squared, 0.0006) << shape.experts;
  }
}

}  // namespace
}  // namespace prophet::analytic
