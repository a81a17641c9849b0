#include "predictor/mlp/plan_mlp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "runtime/model/load_model.hpp"

namespace prophet::testing {
namespace {

TEST(PlanMlp, KeepsNetsAndUseModelOfEveryModelOfTheCatalogueWithinTheBound) {
  std::size_t models = 0;
  for (const std::string_view name : catalogue_names()) {
    SCOPED_TRACE(name);
    const ModelShape model = load_model(std::string(name));
    const std::size_t share = use_model_share(model.grid);
    const MlpShape shape = plan_mlp(model.grid, model.top_k, {}, learned_parameters_max - share);
    EXPECT_LE(shape.parameters() + share, learned_parameters_max);
    EXPECT_NO_THROW(check_mlp_shape(shape, ""));
    EXPECT_EQ(empty_mlp_model(shape).w1.size(), shape.nets() * shape.inputs() * shape.hidden);
    RecordProperty(std::string(name) + "_hidden", static_cast<int>(shape.hidden));
    RecordProperty(std::string(name) + "_groups", static_cast<int>(shape.groups.size()));
    ++models;
  }
  EXPECT_GT(models, 10U);
}

TEST(PlanMlp, UsesTheRoomThatItHas) {
  const ExpertGrid gpt_oss{24, 32};
  const std::size_t room = learned_parameters_max - use_model_share(gpt_oss);
  const MlpShape shape = plan_mlp(gpt_oss, 4, {}, room);
  MlpShape larger = shape;
  larger.hidden += 8;
  EXPECT_LE(shape.parameters(), room);
  EXPECT_GT(larger.parameters(), room);
  EXPECT_EQ(plan_mlp({2, 8}, 2, {}, room).hidden, MlpWish{}.hidden);
}

TEST(PlanMlp, CountsWhatAModelHolds) {
  const MlpShape shape = plan_mlp({5, 12}, 3, {}, 100'000);
  const MlpModel model = empty_mlp_model(shape);
  EXPECT_EQ(shape.parameters(), model.w1.size() + model.b1.size() + model.w2.size() + model.b2.size());
}

TEST(PlanMlp, RefusesWhatNoPlanMakesSmallEnough) {
  try {
    (void)plan_mlp({1000, 512}, 8, {}, learned_parameters_max);
    FAIL() << "planned";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("expected at most 7200000"));
  }
}

}  // namespace
}  // namespace prophet::testing
