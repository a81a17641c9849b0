#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::IsEmpty;

constexpr ExpertGrid grid{2, 4};
constexpr LaneId lane{0};

std::unique_ptr<Predictor> previous_token() {
  PredictorOptions options;
  options.grid = grid;
  options.top_k = 2;
  return make_predictor("previous-token", options);
}

void choose(Predictor& predictor, std::uint32_t layer, std::uint32_t a, std::uint32_t b) {
  predictor.observe(lane, LayerId{layer}, std::vector{ExpertId{a}, ExpertId{b}});
}

TEST(PreviousToken, HasNothingToSayOfALayerThatTheSequenceHasNotRun) {
  const auto predictor = previous_token();
  predictor->start_lane(lane);
  choose(*predictor, 0, 0, 1);
  EXPECT_THAT(ask(*predictor, grid, 0, 1), IsEmpty());
  EXPECT_THAT(ask(*predictor, grid, 0, 0), ElementsAre(0.5F, 0.5F, 0, 0));
  predictor->start_lane(lane);
  EXPECT_THAT(ask(*predictor, grid, 0, 0), IsEmpty());
}

TEST(PreviousToken, SaysTheShareThatWasRepeatedAtThatLayer) {
  const auto predictor = previous_token();
  predictor->start_lane(lane);
  choose(*predictor, 0, 0, 1);
  choose(*predictor, 1, 2, 3);
  choose(*predictor, 0, 1, 2);  // one of two repeated: (1 + 1) / (2 + 2)
  choose(*predictor, 1, 3, 2);  // both, whatever their order: (2 + 1) / (2 + 2)
  EXPECT_THAT(ask(*predictor, grid, 1, 0), ElementsAre(0, 0.5F, 0.5F, 0));
  EXPECT_THAT(ask(*predictor, grid, 0, 1), ElementsAre(0, 0, 0.75F, 0.75F));
  choose(*predictor, 0, 0, 3);  // none: (1 + 1) / (4 + 2)
  EXPECT_THAT(ask(*predictor, grid, 1, 0),
              ElementsAre(FloatNear(2 / 6.0F, 1e-6F), 0, 0, FloatNear(2 / 6.0F, 1e-6F)));
}

TEST(PreviousToken, KeepsTheRepeatRateWhenALaneStartsAgain) {
  const auto predictor = previous_token();
  for (int token = 0; token < 2; ++token) choose(*predictor, 0, 0, 1);
  predictor->start_lane(lane);
  choose(*predictor, 0, 2, 3);  // follows nothing: neither repeated nor not
  EXPECT_THAT(ask(*predictor, grid, 1, 0), ElementsAre(0, 0, 0.75F, 0.75F));
}

TEST(PreviousToken, CountsTheTokensOfAPrefillPassOneAfterTheOther) {
  const auto predictor = previous_token();
  predictor->start_lane(lane);
  for (int token = 0; token < 3; ++token) choose(*predictor, 0, 0, 1);
  for (int token = 0; token < 3; ++token) choose(*predictor, 1, 2, 3);
  EXPECT_THAT(ask(*predictor, grid, 1, 0),
              ElementsAre(FloatNear(5 / 6.0F, 1e-6F), FloatNear(5 / 6.0F, 1e-6F), 0, 0));
}

}  // namespace
}  // namespace prophet::testing
