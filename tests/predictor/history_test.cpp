#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "predictor/activation_library.hpp"
#include "prophet/limits.hpp"
#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr ExpertGrid grid{3, 4};
constexpr LaneId lane{0};

/// Sequence s chooses expert s at layer 0, except sequence 2, which is like sequence 0 there; layer 1 and 2
/// tell all apart. At the last layer a sequence takes turns between two experts, three to one.
RoutingTrace topics() {
  return trace_of(grid, 1, {4, 4, 4, 4}, [](std::size_t sequence, std::uint32_t token, std::uint32_t layer) {
    const auto topic = static_cast<std::uint32_t>(sequence);
    if (layer == 0) return std::vector<std::uint32_t>{topic == 2 ? 0 : topic};
    if (layer == 1) return std::vector<std::uint32_t>{topic};
    return std::vector<std::uint32_t>{token == 3 ? (topic + 1) % 4 : topic};
  });
}

TEST(History, SaysTheSharesOfTheSequenceMostAlikeOverTheLayersSeen) {
  const RoutingTrace trace = topics();
  const auto predictor = predictor_of("history", trace, {SequenceId{0}, SequenceId{1}, SequenceId{2}});
  predictor->start_lane(lane);
  EXPECT_THAT(ask(*predictor, grid, 0, 1), IsEmpty());
  predictor->observe(lane, LayerId{0}, std::vector{ExpertId{1}});
  EXPECT_THAT(ask(*predictor, grid, 0, 2), ElementsAre(0, 0.75F, 0.25F, 0));
  predictor->start_lane(lane);
  predictor->observe(lane, LayerId{0}, std::vector{ExpertId{0}});
  EXPECT_THAT(ask(*predictor, grid, 0, 1), ElementsAre(1, 0, 0, 0)) << "of two alike, the first";
  predictor->observe(lane, LayerId{1}, std::vector{ExpertId{2}});
  EXPECT_THAT(ask(*predictor, grid, 1, 2), ElementsAre(0, 0, 0.75F, 0.25F));
  EXPECT_THAT(ask(*predictor, grid, 1, 0), ElementsAre(1, 0, 0, 0));
}

TEST(History, TheCosineDoesNotFavourConcentratedSequences) {
  // Sequence 0 chooses expert 0 always; sequence 1 chooses 0 and 1 by turns. Who chose both is like the
  // second: cosines of 0.707 and 1, though the dot products are 1 and 1.
  const RoutingTrace trace = trace_of(grid, 1, {4, 4}, [](auto sequence, auto token, auto) {
    return std::vector<std::uint32_t>{sequence == 0 ? 0U : token % 2};
  });
  const auto predictor = predictor_of("history", trace, {SequenceId{0}, SequenceId{1}});
  predictor->start_lane(lane);
  for (const std::uint32_t e : {0U, 1U}) {
    for (std::uint32_t l = 0; l < 3; ++l) predictor->observe(lane, LayerId{l}, std::vector{ExpertId{e}});
  }
  EXPECT_THAT(ask(*predictor, grid, 2, 0), ElementsAre(0.5F, 0.5F, 0, 0));
}

TEST(History, KeepsABoundedNumberOfSequencesEvenlySpaced) {
  constexpr std::uint32_t sequences = 3 * limits::activation_matrices_max;
  const RoutingTrace trace = trace_of(
      {1, 256}, 1, std::vector<std::uint32_t>(sequences, 1),
      [](std::size_t sequence, auto, auto) { return std::vector{static_cast<std::uint32_t>(sequence / 3)}; });
  PredictorOptions options;
  options.grid = {1, 256};
  options.top_k = 1;
  options.trace = &trace;
  std::vector<SequenceId> training;
  for (std::uint32_t s = 0; s < sequences; ++s) training.emplace_back(s);
  options.training = training;
  const ActivationLibrary library(TrainingSet("history", options));
  ASSERT_EQ(library.matrices(), limits::activation_matrices_max);
  for (std::uint32_t m = 0; m < library.matrices(); ++m) {
    EXPECT_EQ(library.shares(LayerId{0}, ExpertId{m})[m], 1.0F);
  }
}

}  // namespace
}  // namespace prophet::testing
