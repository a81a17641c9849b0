#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::IsEmpty;

constexpr ExpertGrid grid{2, 4};

/// Layer 0 chooses 0, 0, 0, 1; layer 1 always chooses 3. Of the second sequence always 2.
RoutingTrace skewed() {
  return trace_of(grid, 1, {4, 4}, [](std::size_t sequence, std::uint32_t token, std::uint32_t layer) {
    if (sequence == 1) return std::vector<std::uint32_t>{2};
    return std::vector<std::uint32_t>{layer == 1 ? 3U : token / 3};
  });
}

TEST(Static, SaysTheSmoothedPopularityOfTheTrainingSequencesAlone) {
  const RoutingTrace trace = skewed();
  const auto predictor = predictor_of("static", trace, {SequenceId{0}});
  predictor->start_lane(LaneId{0});
  // One more token is shared evenly: a quarter each, of five.
  EXPECT_THAT(ask(*predictor, grid, 1, 0), ElementsAre(0.65F, 0.25F, 0.05F, 0.05F));
  EXPECT_THAT(ask(*predictor, grid, 0, 1), ElementsAre(0.05F, 0.05F, 0.05F, 0.85F));
}

TEST(Static, CombinesRunningLanesAndNoOthers) {
  const RoutingTrace trace = skewed();
  const auto predictor = predictor_of("static", trace, {SequenceId{0}}, 8);
  EXPECT_THAT(ask(*predictor, grid, 0, 1), IsEmpty());
  for (const std::uint32_t lane : {0U, 3U, 3U, 7U}) predictor->start_lane(LaneId{lane});
  const float rare = 1 - std::pow(0.95F, 3.0F);
  EXPECT_THAT(ask(*predictor, grid, 0, 1), ElementsAre(FloatNear(rare, 1e-6F), FloatNear(rare, 1e-6F),
                                                       FloatNear(rare, 1e-6F), FloatNear(0.996625F, 1e-6F)));
}

}  // namespace
}  // namespace prophet::testing
