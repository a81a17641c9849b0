#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t experts = 8;
constexpr LaneId lane{0};

std::uint32_t best(const std::vector<float>& probability) {
  return static_cast<std::uint32_t>(std::max_element(probability.begin(), probability.end()) -
                                    probability.begin());
}

/// Expects `expert` to be all but sure, and the others to be all but excluded.
void expect_only(const std::vector<float>& probability, std::uint32_t expert) {
  ASSERT_EQ(probability.size(), experts);
  EXPECT_EQ(best(probability), expert);
  for (std::uint32_t e = 0; e < experts; ++e) {
    EXPECT_NEAR(probability[e], e == expert ? 1.0F : 0.0F, 0.1F) << "expert " << e;
  }
}

/// A sequence is one random walk through layers and tokens: the next layer chooses one expert more.
RoutingTrace counting_up(Random& random, ExpertGrid grid) {
  std::vector<std::uint32_t> starts;
  for (int s = 0; s < 60; ++s) starts.push_back(static_cast<std::uint32_t>(random.below(experts)));
  return trace_of(grid, 1, std::vector<std::uint32_t>(60, 5), [=](auto sequence, auto token, auto layer) {
    return std::vector<std::uint32_t>{(starts[sequence] + token * grid.layers + layer) % experts};
  });
}

std::vector<SequenceId> first_sequences(std::uint32_t count) {
  std::vector<SequenceId> ids;
  for (std::uint32_t s = 0; s < count; ++s) ids.emplace_back(s);
  return ids;
}

TEST(Transition, FollowsARuleUpToThreeLayersAheadAndIntoTheNextToken) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  for (const std::uint32_t layers : {1U, 2U, 3U, 6U}) {
    const ExpertGrid grid{layers, experts};
    const RoutingTrace trace = counting_up(random, grid);
    const auto predictor = predictor_of("transition", trace, first_sequences(50));
    const SequenceInfo& sequence = trace.sequences()[55];
    predictor->start_lane(lane);
    for (std::uint32_t token = 0; token < 3; ++token) {
      for (std::uint32_t l = 0; l < layers; ++l) {
        show(*predictor, lane, trace, sequence.first_token + token, l, l);
        for (std::uint32_t distance = 1; distance <= std::min(3U, layers); ++distance) {
          SCOPED_TRACE(::testing::Message() << layers << " layers, " << distance << " after " << l);
          const std::uint32_t now = chosen(trace, sequence.first_token + token, l).front().value;
          expect_only(ask(*predictor, grid, l, (l + distance) % layers), (now + distance) % experts);
        }
      }
    }
  }
}

/// The last layer repeats what layer 0 chose; those between are drawn at random.
RoutingTrace remembering(Random& random, std::uint32_t layers) {
  std::uint32_t first = 0;
  return trace_of({layers, experts}, 1, std::vector<std::uint32_t>(60, 20), [&](auto, auto, auto layer) {
    const auto drawn = static_cast<std::uint32_t>(random.below(experts));
    if (layer == 0) first = drawn;
    return std::vector<std::uint32_t>{layer == 0 || layer + 1 == layers ? first : drawn};
  });
}

TEST(Transition, LooksBackThreeLayersAndNoFurther) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  for (const std::uint32_t layers : {4U, 5U}) {
    const RoutingTrace trace = remembering(random, layers);
    const auto predictor = predictor_of("transition", trace, first_sequences(50));
    const std::uint64_t row = trace.sequences()[55].first_token;
    predictor->start_lane(lane);
    show(*predictor, lane, trace, row, 0, layers - 2);
    const auto probability = ask(*predictor, {layers, experts}, layers - 2, layers - 1);
    if (layers == 4) {
      expect_only(probability, chosen(trace, row, 0).front().value);
    } else {
      EXPECT_LT(*std::max_element(probability.begin(), probability.end()), 0.5F);
    }
  }
}

TEST(Transition, SaysThePopularityBeyondThreeLayersAndWithoutContext) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const ExpertGrid grid{6, experts};
  const RoutingTrace trace = counting_up(random, grid);
  const auto predictor = predictor_of("transition", trace, first_sequences(50));
  const auto popular = predictor_of("static", trace, first_sequences(50));
  for (Predictor* each : {predictor.get(), popular.get()}) each->start_lane(lane);
  const auto expect_popularity = [&](std::uint32_t made_at, std::uint32_t target) {
    EXPECT_THAT(ask(*predictor, grid, made_at, target),
                ::testing::Pointwise(::testing::FloatNear(1e-6F), ask(*popular, grid, made_at, target)));
  };
  expect_popularity(0, 1);
  show(*predictor, lane, trace, 0, 0, 1);
  expect_popularity(1, 5);
  expect_popularity(1, 0);
  expect_popularity(1, 1);
}

TEST(Transition, TakesTheLastTokenOfAPrefillPassForContext) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const ExpertGrid grid{6, experts};
  const RoutingTrace trace = counting_up(random, grid);
  const auto prefilled = predictor_of("transition", trace, first_sequences(50));
  const auto decoded = predictor_of("transition", trace, first_sequences(50));
  const std::uint64_t row = trace.sequences()[55].first_token;
  prefilled->start_lane(lane);
  decoded->start_lane(lane);
  for (std::uint32_t l = 0; l < grid.layers; ++l) {
    for (std::uint32_t token = 0; token < 4; ++token) show(*prefilled, lane, trace, row + token, l, l);
  }
  for (std::uint32_t token = 0; token < 4; ++token) show(*decoded, lane, trace, row + token, 0, 5);
  EXPECT_EQ(ask(*prefilled, grid, 5, 0), ask(*decoded, grid, 5, 0));
}

TEST(Transition, EvenChoicesGiveEvenChances) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const ExpertGrid grid{4, experts};
  const RoutingTrace trace = random_trace(random, grid, 2, std::vector<std::uint32_t>(20, 1000));
  const auto predictor = predictor_of("transition", trace, first_sequences(19));
  predictor->start_lane(lane);
  show(*predictor, lane, trace, trace.sequences()[19].first_token, 0, 2);
  for (const float p : ask(*predictor, grid, 2, 3)) EXPECT_NEAR(p, 0.25F, 0.1F);
}

}  // namespace
}  // namespace prophet::testing
