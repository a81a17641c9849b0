// One input moved at a time.
#include "bench/analytic/sensitivity.hpp"

#include <gtest/gtest.h>

#include "bench/analytic/selection.hpp"

namespace prophet::analytic {
namespace {

std::vector<SensitivityAnswer> ask(const char* model, std::uint32_t batch) {
  return sensitivity(catalogue_model(Catalogue::real, model)->model,
                     catalogue_gpu(Catalogue::real, "a100-40gb"), batch, {});
}

TEST(Sensitivity, EachInputMovesOnlyWhatDependsOnIt) {
  const auto answers = ask("qwen1.5-moe-a2.7b", 4);
  ASSERT_EQ(answers.size(), sensitivity_inputs.size());
  const SensitivityAnswer& hit_rate = answers[0];
  const SensitivityAnswer& exponent = answers[1];
  const SensitivityAnswer& activation = answers[2];
  const SensitivityAnswer& link = answers[3];
  EXPECT_EQ(*hit_rate.context_swing, 1);
  EXPECT_EQ(*link.context_swing, 1);
  EXPECT_EQ(*activation.step_swing, 1);
  EXPECT_GT(*exponent.context_swing, *activation.context_swing);
  EXPECT_GT(*activation.context_swing, 1);
  EXPECT_GT(*hit_rate.step_swing, 1);
}

TEST(Sensitivity, AStepThatTheLinkBoundsIsTwiceAsQuickOnTwiceTheLink) {
  const SensitivityAnswer link = ask("qwen1.5-moe-a2.7b", 4)[3];
  EXPECT_NEAR(*link.step_swing, 4, 1e-3);
  EXPECT_GT(*link.points[0].overlapped_ns, *link.points[2].overlapped_ns);
}

TEST(Sensitivity, ASmallerExponentMeansFewerExpertsAndALongerContext) {
  const SensitivityAnswer exponent = ask("qwen1.5-moe-a2.7b", 4)[1];
  EXPECT_GT(*exponent.points[0].context_tokens_max, *exponent.points[2].context_tokens_max);
}

TEST(Sensitivity, WhereNothingFitsTheContextHasNoSwing) {
  for (const SensitivityAnswer& answer : ask("grok-1", 64)) EXPECT_FALSE(answer.context_swing.has_value());
}

TEST(Sensitivity, OfAnUnknownModelNothingIsClaimed) {
  const auto model = catalogue_model(Catalogue::study, "jamba-1.5-large");
  for (const auto& answer : sensitivity(model->model, catalogue_gpu(Catalogue::study, "a100-40gb"), 1, {}))
    EXPECT_FALSE(answer.context_swing || answer.step_swing);
}

}  // namespace
}  // namespace prophet::analytic
