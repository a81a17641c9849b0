#include "predictor/make_predictor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "predictor/transition_evidence.hpp"
#include "prophet/error.hpp"
#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// What make_predictor answers to options that it refuses, as a user of the command reads it.
std::string refusal(std::string_view name, const PredictorOptions& options) {
  try {
    (void)make_predictor(name, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "made";
}

class MakePredictor : public ::testing::Test {
 protected:
  RoutingTrace trace =
      trace_of({2, 4}, 1, {3, 2}, [](auto, auto, auto) { return std::vector<std::uint32_t>{1}; });
  std::vector<SequenceId> training{SequenceId{0}};
  PredictorOptions options = [this] {
    PredictorOptions made;
    made.grid = trace.shape().grid;
    made.top_k = 1;
    made.trace = &trace;
    made.training = training;
    return made;
  }();
};

TEST_F(MakePredictor, MakesWhatItNames) {
  EXPECT_THAT(predictor_names(), ElementsAre("none", "static", "previous-token", "transition", "history",
                                             "gate-ahead", "mlp", "oracle"));
  const std::vector<std::uint64_t> offsets{0, 1};
  const std::vector<ExpertIndex> experts{ExpertIndex{0}};
  options.future = {offsets, experts};
  options.ahead_layers = 1;
  EXPECT_EQ(make_predictor("none", {}), nullptr);
  for (const std::string& name : predictor_names()) {
    if (name == "none") continue;
    EXPECT_EQ(make_predictor(name, options)->name(), name);
  }
}

TEST_F(MakePredictor, RecordedRoutingHasNoRoutersToApply) {
  EXPECT_THAT(refusal("gate-ahead", options), HasSubstr("expected a live model"));
  for (const std::string& name : predictor_names())
    EXPECT_EQ(predictor_needs_routers(name), name == "gate-ahead") << name;
}

TEST_F(MakePredictor, SaysWhichLearn) {
  for (const auto* name : {"static", "transition", "history", "mlp"})
    EXPECT_TRUE(predictor_needs_training(name));
  for (const auto* name : {"none", "previous-token", "oracle", "unknown"}) {
    EXPECT_FALSE(predictor_needs_training(name));
  }
}

TEST_F(MakePredictor, ReadsWhereForecastsAreMade) {
  EXPECT_EQ(parse_forecast_on("auto"), ForecastOn::automatic);
  EXPECT_EQ(parse_forecast_on("host"), ForecastOn::host);
  EXPECT_EQ(parse_forecast_on("device"), ForecastOn::device);
  EXPECT_THROW((void)parse_forecast_on("gpu"), Error);
}

TEST_F(MakePredictor, AnswersAnUnknownNameWithTheKnownOnes) {
  EXPECT_EQ(refusal("psychic", options),
            "predictor psychic is unknown; known are none, static, previous-token, transition, history, "
            "gate-ahead, mlp, oracle");
}

TEST_F(MakePredictor, RefusesALearnerWithoutItsTraining) {
  for (const std::string name : {"static", "transition", "history", "mlp"}) {
    PredictorOptions none = options;
    none.trace = nullptr;
    EXPECT_THAT(refusal(name, none), HasSubstr("predictor " + name + ": 0 training sequences were given"));
    none = options;
    none.training = {};
    EXPECT_THAT(refusal(name, none), HasSubstr("0 training sequences were given"));
  }
}

TEST_F(MakePredictor, RefusesTrainingThatDoesNotFit) {
  PredictorOptions wrong = options;
  wrong.grid.layers = 3;
  EXPECT_EQ(refusal("static", wrong),
            "predictor static: the training trace has 2 layers x 4 experts, top-1; expected 3 x 4, top-1");
  const std::vector<SequenceId> absent{SequenceId{0}, SequenceId{2}};
  wrong = options;
  wrong.training = absent;
  EXPECT_EQ(refusal("history", wrong),
            "predictor history: training sequence 2 is not in the trace, which has 2");
}

TEST_F(MakePredictor, RefusesSizesBeyondTheLimits) {
  PredictorOptions wrong = options;
  wrong.lanes = 0;
  EXPECT_EQ(refusal("previous-token", wrong), "predictor previous-token: 0 lanes, expected 1 to 1024");
  wrong = options;
  wrong.top_k = 5;
  EXPECT_EQ(refusal("previous-token", wrong),
            "predictor previous-token: 5 experts a token (top-k), expected 1 to 4");
  wrong = options;
  wrong.grid = {};
  EXPECT_EQ(refusal("oracle", wrong), "predictor oracle: 0 layers, expected 1 to 1024");
}

TEST_F(MakePredictor, RefusesTransitionTablesBeyondTheirBoundBeforeTheyAreMade) {
  const RoutingTrace wide({{64, 4096}, 1, 0, 1}, {}, {{0, 1, 0, 0}}, std::vector<std::byte>(128), {});
  options.trace = &wide;
  options.grid = wide.shape().grid;
  EXPECT_EQ(
      refusal("transition", options),
      "predictor transition: 64 layers x 4096 experts need tables of 21474836480 bytes, expected at most "
      "2147483648");
}

}  // namespace
}  // namespace prophet::testing
