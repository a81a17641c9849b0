#include "predictor/use_estimator.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{2, 4};

/// Whose odds are the biases alone: of layer 0 the given ones, of layer 1 none.
UseModel biased(std::array<UseOdds, 4> odds) {
  UseModel model;
  model.grid = grid;
  model.top_k = 1;
  model.source_layers = 2;
  model.popularity.assign(grid.size(), 0.25F);
  model.weights.resize(grid.layers);
  model.bias.resize(grid.size());
  for (std::size_t e = 0; e < odds.size(); ++e) model.bias[e] = odds[e];
  model.matrix.resize(std::size_t{grid.layers} * model.source_layers * grid.experts * 2 * grid.experts);
  return model;
}

constexpr float surely = 30;
constexpr float never = -30;
constexpr std::array choice{ExpertId{3}};

TEST(UseEstimator, ACertainUseIsWorthItsDistance) {
  const UseModel model = biased({UseOdds{surely, never}, UseOdds{never, surely}, UseOdds{never, never}});
  UseEstimator estimator(model, 1);
  estimator.observe(LaneId{0}, LayerId{0}, choice);
  const auto turns = estimator.estimate(LayerId{0});
  EXPECT_NEAR(turns[0], 0, 1e-3) << "at the next turn";
  EXPECT_NEAR(turns[1], 1, 1e-3) << "at every later one";
  EXPECT_GT(turns[2], 10) << "hardly ever";
}

TEST(UseEstimator, LanesAreWorthMoreTogether) {
  const UseModel model = biased({UseOdds{0, 0}, UseOdds{1, -1}, UseOdds{-2, -2}, UseOdds{-4, -4}});
  UseEstimator one(model, 2);
  UseEstimator two(model, 2);
  one.observe(LaneId{1}, LayerId{0}, choice);
  two.observe(LaneId{0}, LayerId{0}, choice);
  two.observe(LaneId{1}, LayerId{0}, choice);
  const auto turns = one.estimate(LayerId{0});
  const std::vector<float> alone(turns.begin(), turns.end());
  const auto together = two.estimate(LayerId{0});
  for (std::size_t e = 0; e < 4; ++e) EXPECT_LT(together[e], alone[e]);
  one.observe(LaneId{1}, LayerId{0}, choice);
  const auto again = one.estimate(LayerId{0});
  for (std::size_t e = 0; e < 4; ++e)
    EXPECT_EQ(again[e], alone[e]) << "lanes not observed since do not count";
}

TEST(UseEstimator, AnAddedSourceSpeaksForItsLayersChoice) {
  UseModel model = biased({});
  model.added(LayerId{0}, 1, ExpertId{2})[0] =
      surely;  // expert 0 at the next turn, once layer 1 chose expert 2
  UseEstimator estimator(model, 1);
  estimator.observe(LaneId{0}, LayerId{0}, choice);
  EXPECT_GT(estimator.estimate(LayerId{0})[0], 0.3F);
  estimator.observe(LaneId{0}, LayerId{1}, std::array{ExpertId{2}});
  (void)estimator.estimate(LayerId{1});
  estimator.observe(LaneId{0}, LayerId{0}, choice);
  EXPECT_NEAR(estimator.estimate(LayerId{0})[0], 0, 1e-3);
  estimator.start_lane(LaneId{0});
  estimator.observe(LaneId{0}, LayerId{0}, choice);
  EXPECT_GT(estimator.estimate(LayerId{0})[0], 0.3F) << "another sequence has not chosen it";
}

/// The number of an input of the first grid: what `layer` chose `lag` before its latest choice.
std::size_t input_of(bool is_first, std::uint32_t lag, LayerId layer, ExpertId expert) {
  return ((is_first ? 2U : 0U) + lag) * grid.size() + grid.index(layer, expert).index();
}

/// One hidden unit for layer 0, which makes expert 0 certain at the next turn once it is 1.
UseModel with_unit(float bias) {
  UseModel model = biased({});
  UseHidden& hidden = model.hidden;
  hidden.units = 1;
  hidden.w1.resize(grid.layers * use_inputs(grid));
  hidden.b1 = {bias, 0};
  hidden.w2.resize(grid.layers * 2 * grid.experts);
  hidden.w2[0] = surely;
  return model;
}

TEST(UseEstimator, AHiddenUnitHearsTheLastTwoChoicesTogether) {
  UseModel model = with_unit(-1);
  model.hidden.w1[input_of(false, 0, LayerId{0}, ExpertId{3})] = 1;
  model.hidden.w1[input_of(false, 1, LayerId{0}, ExpertId{2})] = 1;
  UseEstimator estimator(model, 2);
  const auto turns_after = [&](std::uint32_t before, std::uint32_t latest) {
    estimator.start_lane(LaneId{1});
    estimator.observe(LaneId{1}, LayerId{0}, std::array{ExpertId{before}});
    (void)estimator.estimate(LayerId{0});
    estimator.observe(LaneId{1}, LayerId{0}, std::array{ExpertId{latest}});
    return estimator.estimate(LayerId{0})[0];
  };
  EXPECT_NEAR(turns_after(2, 3), 0, 1e-3);
  EXPECT_GT(turns_after(1, 3), 0.3F) << "one of them alone does not pass the unit's bias";
  EXPECT_GT(turns_after(2, 1), 0.3F);
  EXPECT_GT(turns_after(3, 2), 0.3F) << "nor do both in the other order";
  estimator.start_lane(LaneId{1});
  estimator.observe(LaneId{1}, LayerId{0}, choice);
  EXPECT_GT(estimator.estimate(LayerId{0})[0], 0.3F) << "another sequence has not chosen it";
}

TEST(UseEstimator, AHiddenUnitHearsTheRoutersFirstChoicesByRank) {
  UseModel model = with_unit(-0.75F);
  model.top_k = 2;
  model.hidden.w1[input_of(true, 0, LayerId{0}, ExpertId{3})] = 1;
  UseEstimator estimator(model, 1);
  estimator.observe(LaneId{0}, LayerId{0}, std::array{ExpertId{3}, ExpertId{1}});
  EXPECT_LT(estimator.estimate(LayerId{0})[0], 0.1F) << "the first counts whole";
  estimator.observe(LaneId{0}, LayerId{0}, std::array{ExpertId{1}, ExpertId{3}});
  EXPECT_GT(estimator.estimate(LayerId{0})[0], 0.3F) << "the second by half";
}

/// Says that the next turn of a layer wants expert 2, once it has seen something.
class ExpertTwo final : public Predictor {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "two"; }
  void start_lane(LaneId) override { seen_ = false; }
  void observe(LaneId, LayerId, std::span<const ExpertId>) override { seen_ = true; }
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override {
    EXPECT_EQ(made_at, target) << "a whole turn ahead";
    for (std::size_t e = 0; e < probability.size(); ++e) probability[e] = e == 2 ? 1.0F : 0.0F;
    return seen_;
  }

 private:
  bool seen_ = false;
};

TEST(UseEstimator, WhatIsAskedOfTheNextTurnReplacesTheModelsWord) {
  const UseModel model = biased({UseOdds{surely, never}, UseOdds{never, surely}, UseOdds{never, never}});
  ExpertTwo next;
  UseEstimator estimator(model, 1);
  estimator.ask(next);
  estimator.observe(LaneId{0}, LayerId{0}, choice);
  const auto turns = estimator.estimate(LayerId{0});
  EXPECT_GT(turns[0], 10) << "the model was sure of it for the next turn only";
  EXPECT_NEAR(turns[1], 1, 1e-3) << "of later turns the model still speaks";
  EXPECT_EQ(turns[2], 0);
}

TEST(UseEstimator, APassOfAPromptSpeaksForNoTurn) {
  const UseModel model = biased({UseOdds{surely, surely}});
  UseEstimator estimator(model, 2);
  estimator.observe(LaneId{0}, LayerId{0}, choice);
  estimator.pass_over();
  estimator.observe(LaneId{1}, LayerId{0}, choice);
  UseEstimator fresh(model, 2);
  fresh.observe(LaneId{1}, LayerId{0}, choice);
  const auto expected = fresh.estimate(LayerId{0});
  const auto turns = estimator.estimate(LayerId{0});
  for (std::size_t e = 0; e < 4; ++e) EXPECT_EQ(turns[e], expected[e]);
}

TEST(LayerUses, CountWhatTheSequenceUsed) {
  LayerUses uses(4);
  uses.add(std::array{ExpertId{0}, ExpertId{1}});
  uses.add(std::array{ExpertId{1}, ExpertId{2}});
  const UseFeatures just = uses.features(ExpertId{1}, 0.5F);
  EXPECT_EQ(just[0], 1);
  EXPECT_NEAR(just[1], 0, 1e-6) << "the log odds of one half";
  EXPECT_EQ(just[3], 1) << "by the last token";
  EXPECT_EQ(uses.features(ExpertId{0}, 0.5F)[4], 1) << "by the one before";
  EXPECT_NEAR(uses.features(ExpertId{0}, 0.5F)[5], std::log(2.0F), 1e-6);
  EXPECT_NEAR(just[6], 0.4F + 0.6F * 0.4F, 1e-6) << "used by both, decayed by 0.6";
  uses.forget();
  EXPECT_EQ(uses.tokens(), 0U);
  EXPECT_EQ(uses.features(ExpertId{1}, 0.5F)[6], 0);
}

}  // namespace
}  // namespace prophet::testing
