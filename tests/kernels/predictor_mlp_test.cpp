#include "kernels/predictor_mlp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace prophet::kernels {
namespace {

constexpr std::uint32_t none = 0xFFFFFFFFU;

/// Two experts, one recent layer, a top-2 router: four input rows.
struct Learned {
  alignas(16) std::array<float, 4 * 8> w1{};
  alignas(16) std::array<float, 8> b1{};
  alignas(16) std::array<float, 2 * 8> w2{};
  std::array<float, 2> b2{};

  [[nodiscard]] PredictorWeights weights(std::uint32_t hidden) const {
    return {.format = FloatFormat::fp32,
            .experts = 2,
            .recent_layers = 1,
            .hidden = hidden,
            .w1 = w1.data(),
            .b1 = b1.data(),
            .w2 = w2.data(),
            .b2 = b2.data()};
  }
};

TEST(PredictorMlp, AddsTheRowsThatTheInputNames) {
  Learned learned;
  for (std::size_t row = 0; row < 4; ++row) learned.w1[row * 8] = static_cast<float>(std::pow(10, row));
  learned.b1[0] = 0.5F;
  // Two lanes: the first was routed to expert 1 now and 0 before, the second to 0 and 1 now, and knows
  // nothing before.
  const std::array<std::uint32_t, 4> recent{1, none, 0, 1};
  const std::array<std::uint32_t, 4> previous{0, 2, none, none};
  const PredictorInput input{recent.data(), previous.data(), 2, 2};
  std::vector<float> logits(2 * 8);
  ASSERT_EQ(predictor_logits(learned.weights(0), input, logits), Status::ok);
  EXPECT_EQ(logits[0], 0.5F + 10 + 100);
  EXPECT_EQ(logits[8], 0.5F + 1 + 10);
  EXPECT_EQ(logits[1], 0.0F);
}

TEST(PredictorMlp, ActivatesTheHiddenLayer) {
  Learned learned;
  learned.w1[0] = 2;   // expert 0 of the recent layer: unit 0
  learned.w1[1] = -2;  // and unit 1
  learned.w2 = {3, 5, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0};
  learned.b2 = {0.25F, -0.25F};
  const std::array<std::uint32_t, 2> recent{0, none};
  const std::array<std::uint32_t, 2> previous{none, none};
  const PredictorInput input{recent.data(), previous.data(), 1, 2};
  std::vector<float> logits(8);
  PredictorWeights weights = learned.weights(8);
  ASSERT_EQ(predictor_logits(weights, input, logits), Status::ok);
  EXPECT_EQ(logits[0], 6.25F);
  EXPECT_EQ(logits[1], 1.75F);
  weights.activation = PredictorActivation::gelu;
  ASSERT_EQ(predictor_logits(weights, input, logits), Status::ok);
  const double positive = 1 + std::erf(std::sqrt(2.0));  // gelu(2)
  const double negative = -(1 - std::erf(std::sqrt(2.0)));
  EXPECT_NEAR(logits[0], 3 * positive + 5 * negative + 0.25, 1e-5);
  logits.resize(7);
  EXPECT_EQ(predictor_logits(weights, input, logits), Status::bad_shape);
}

TEST(PredictorMlp, ListsWhatIsForecastAndNotResident) {
  // Chances of two lanes: 1/2 and 1/2; sure and none; none and none; none and 1/2.
  const std::vector<float> logits{0, 99,  -99, -99, 0, 0, 0, 0,  //
                                  0, -99, -99, 0,   0, 0, 0, 0};
  const std::vector<std::uint32_t> slab_of{no_slab, 7, no_slab, 8};  // slab 8 is beyond the table
  const SlabTable table{.slab_of = slab_of.data(), .experts = 4, .slabs = 8};
  std::array<PredictedExpert, 4> missing;
  ASSERT_EQ(predict_missing(logits, 2, table, LaneUnion::any, 3, missing.data()), 2U);
  EXPECT_EQ(missing[0].expert, 0U);
  EXPECT_EQ(missing[0].value, 0.75F);
  EXPECT_EQ(missing[1].expert, 3U);
  EXPECT_EQ(missing[1].value, 0.5F);
  ASSERT_EQ(predict_missing(logits, 2, table, LaneUnion::sum, 1, missing.data()), 1U);
  EXPECT_EQ(missing[0].expert, 0U);  // a sum of 1, as expert 1's: the lower id is first
  ASSERT_EQ(predict_missing(logits, 2, table, LaneUnion::any, 1, missing.data()), 0U);
  ASSERT_EQ(predict_missing(logits, 2, table, LaneUnion::any, 9, missing.data()), 3U);
}

}  // namespace
}  // namespace prophet::kernels
