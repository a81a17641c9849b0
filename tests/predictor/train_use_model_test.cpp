#include "predictor/train_use_model.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>

#include "predictor/plan_use_model.hpp"
#include "predictor/use_estimator.hpp"
#include "prophet/error.hpp"
#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{3, 8};
constexpr std::uint32_t top_k = 2;

UseModel train(const RoutingTrace& trace, const std::vector<SequenceId>& sequences, UseTraining how = {}) {
  PredictorOptions options;
  options.grid = trace.shape().grid;
  options.top_k = trace.shape().top_k;
  options.trace = &trace;
  options.training = sequences;
  return train_use_model(TrainingSet("test", options), how);
}

std::vector<SequenceId> sequences(std::uint32_t first, std::uint32_t end) {
  std::vector<SequenceId> ids;
  for (std::uint32_t s = first; s < end; ++s) ids.emplace_back(s);
  return ids;
}

void expect_same_bits(const UseModel& a, const UseModel& b) {
  EXPECT_EQ(a.matrix, b.matrix);
  EXPECT_EQ(a.popularity, b.popularity);
  EXPECT_EQ(a.hidden.w1, b.hidden.w1);
  EXPECT_EQ(a.hidden.b1, b.hidden.b1);
  EXPECT_EQ(a.hidden.w2, b.hidden.w2);
  EXPECT_EQ(a.weights, b.weights);
  ASSERT_EQ(a.bias.size(), b.bias.size());
  for (std::size_t i = 0; i < a.bias.size(); ++i) {
    EXPECT_EQ(a.bias[i].next, b.bias[i].next);
    EXPECT_EQ(a.bias[i].later, b.bias[i].later);
  }
}

TEST(TrainUseModel, SameSequencesAndSeedGiveTheSameBitsOnAnyNumberOfThreads) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = random_trace(random, grid, top_k, std::vector<std::uint32_t>(8, 20));
  for (const std::uint32_t hidden_units : {0U, 12U}) {
    UseTraining one;
    one.seed = seed;
    one.hidden_units = hidden_units;
    UseTraining many = one;
    many.threads = 5;
    const UseModel model = train(trace, sequences(0, 8), one);
    EXPECT_EQ(model.hidden.units, hidden_units);
    expect_same_bits(model, train(trace, sequences(0, 8), many));
    UseTraining other = one;
    ++other.seed;
    EXPECT_NE(model.matrix, train(trace, sequences(0, 8), other).matrix) << "canary";
  }
}

TEST(TrainUseModel, NothingOfOtherSequencesIsSeen) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const std::vector<std::uint32_t> lengths(10, 15);
  const RoutingTrace trace = random_trace(random, grid, top_k, lengths);
  const RoutingTrace changed = trace_of(grid, top_k, lengths, [&](auto sequence, auto token, auto layer) {
    if (sequence % 2 == 1) return random_choice(random, grid.experts, top_k);
    std::vector<std::uint32_t> same;
    for (const ExpertId e : chosen(trace, trace.sequences()[sequence].first_token + token, layer))
      same.push_back(e.value);
    return same;
  });
  ASSERT_NE(trace, changed);
  const std::vector<SequenceId> even{SequenceId{0}, SequenceId{2}, SequenceId{4}, SequenceId{6},
                                     SequenceId{8}};
  expect_same_bits(train(trace, even), train(changed, even));
  UseTraining hidden;
  hidden.hidden_units = 8;
  expect_same_bits(train(trace, even, hidden), train(changed, even, hidden));
}

TEST(TrainUseModel, LeavesSourceLayersOutUntilItIsSmallEnough) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = random_trace(random, grid, top_k, {5, 5});
  const UseModel whole = train(trace, sequences(0, 2));
  EXPECT_EQ(whole.hidden.units, 0U) << "so few tokens would be learnt by heart";
  EXPECT_EQ(whole.source_layers, grid.layers);
  UseTraining less;
  less.parameters_max = whole.parameters() - 1;
  const UseModel smaller = train(trace, sequences(0, 2), less);
  EXPECT_EQ(smaller.source_layers, grid.layers - 1);
  EXPECT_LE(smaller.parameters(), less.parameters_max);
  less.parameters_max = smaller.parameters() / 2;
  EXPECT_THROW((void)train(trace, sequences(0, 2), less), Error);
}

TEST(TrainUseModel, HasAHiddenLayerWhereItHasRoomAndTokens) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = random_trace(random, grid, top_k, {20, 20});
  UseTraining how;
  how.hidden_epochs = 1;
  how.hidden_tokens_min = 40;
  const UseModel model = train(trace, sequences(0, 2), how);
  EXPECT_EQ(model.hidden.units, use_hidden_units);
  EXPECT_EQ(model.source_layers, grid.layers);
  EXPECT_EQ(model.parameters(), use_parameters(grid, {grid.layers, use_hidden_units}));
  how.parameters_max = model.parameters() - 1;
  EXPECT_EQ(train(trace, sequences(0, 2), how).hidden.units, 0U);
  how.hidden_units = use_hidden_units;
  EXPECT_THROW((void)train(trace, sequences(0, 2), how), Error) << "what was asked for is not left out";
  ++how.parameters_max;
  EXPECT_EQ(train(trace, sequences(0, 2), how).hidden.units, use_hidden_units);
  how.hidden_units = use_hidden_units_max + 1;
  how.parameters_max = std::numeric_limits<std::size_t>::max();
  EXPECT_THROW((void)train(trace, sequences(0, 2), how), Error);
}

/// Layer 0 is drawn at random; what layer 2 chooses for a token is what layer 0 chose for the token before.
RoutingTrace delayed(Random& random) {
  std::vector<std::uint32_t> before{0};
  std::vector<std::uint32_t> now{0};
  return trace_of(grid, 1, std::vector<std::uint32_t>(60, 30), [&](auto, auto token, auto layer) {
    if (layer == 0) {
      before = token == 0 ? std::vector<std::uint32_t>{0} : now;
      now = random_choice(random, grid.experts, 1);
    }
    return layer == 2 ? before : now;
  });
}

/// Of sequences [50, 60), the share of tokens for which the expert that is held to come soonest in layer 2 is
/// what the next token chooses there. The first tokens are not asked for.
double share_foretold(const UseModel& model, const RoutingTrace& trace, std::uint32_t first_token) {
  UseEstimator estimator(model, 1);
  std::uint32_t right = 0;
  std::uint32_t asked = 0;
  for (std::uint32_t s = 50; s < 60; ++s) {
    const SequenceInfo& sequence = trace.sequences()[s];
    estimator.start_lane(LaneId{0});
    for (std::uint32_t t = 0; t + 1 < sequence.tokens; ++t) {
      const std::uint64_t row = sequence.first_token + t;
      for (std::uint32_t l = 0; l < grid.layers; ++l) {
        estimator.observe(LaneId{0}, LayerId{l}, chosen(trace, row, l));
        const std::span<const float> turns = estimator.estimate(LayerId{l});
        if (l != 2 || t < first_token) continue;
        const auto soonest = std::min_element(turns.begin(), turns.end()) - turns.begin();
        right += chosen(trace, row + 1, 2).front().value == soonest ? 1U : 0U;
        ++asked;
      }
    }
  }
  return static_cast<double>(right) / asked;
}

TEST(TrainUseModel, LearnsWhatTheNextTokenRepeatsOfAnotherLayer) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = delayed(random);
  UseTraining how;
  how.epochs = 10;
  EXPECT_GT(share_foretold(train(trace, sequences(0, 50), how), trace, 0), 0.9);
}

/// Layer 0 is drawn at random; what layer 2 chooses for a token is the sum of what layer 0 chose for the two
/// tokens before it, which no single one of them tells anything of.
RoutingTrace summed(Random& random) {
  std::array<std::uint32_t, 3> drawn{};
  return trace_of(grid, 1, std::vector<std::uint32_t>(60, 30), [&](auto, auto token, auto layer) {
    if (layer == 0) {
      drawn = token == 0 ? std::array<std::uint32_t, 3>{} : std::array{drawn[1], drawn[2], 0U};
      drawn[2] = random_choice(random, grid.experts, 1).front();
    }
    const std::uint32_t sum = (drawn[0] + drawn[1]) % grid.experts;
    return std::vector<std::uint32_t>{layer == 2 ? sum : drawn[2]};
  });
}

TEST(TrainUseModel, AHiddenLayerLearnsWhatOnlyTwoTokensTogetherTell) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = summed(random);
  UseTraining how;
  how.hidden_units = 0;
  EXPECT_LT(share_foretold(train(trace, sequences(0, 50), how), trace, 2), 0.5);
  how.hidden_units = 64;
  how.hidden_epochs = 100;
  EXPECT_GT(share_foretold(train(trace, sequences(0, 50), how), trace, 2), 0.8);
}

TEST(TrainUseModel, LearnsFromAPartOfALargeTraceAndWithAHiddenLayer) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = random_trace(random, grid, top_k, std::vector<std::uint32_t>(10, 20));
  UseTraining how;
  how.seed = seed;
  how.hidden_units = 8;
  const UseModel all = train(trace, sequences(0, 10), how);
  how.hidden_passes_max = 3 * 40;
  const UseModel some = train(trace, sequences(0, 10), how);
  EXPECT_NE(some.hidden.w1, all.hidden.w1);
  EXPECT_EQ(some.popularity, all.popularity);
  how.hidden_epochs = 3;
  expect_same_bits(some, train(trace, sequences(0, 10), how));
}

TEST(TrainUseModel, RefusesInOneSentence) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = random_trace(random, grid, top_k, {5, 5});
  UseTraining none;
  none.epochs = 0;
  EXPECT_THROW((void)train(trace, sequences(0, 2), none), Error);
  none = {};
  none.threads = 0;
  EXPECT_THROW((void)train(trace, sequences(0, 2), none), Error);
}

}  // namespace
}  // namespace prophet::testing
