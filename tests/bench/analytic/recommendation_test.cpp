// Which way of keeping a model is recommended, and that its numbers are those of the ways themselves.
#include "bench/analytic/recommendation.hpp"

#include <gtest/gtest.h>

#include "bench/analytic/selection.hpp"

namespace prophet::analytic {
namespace {

Recommendation ask(const char* model, const char* gpu, std::uint32_t batch = 1, double slow_down_max = 2,
                   std::optional<double> hit_rate = {}) {
  RecommendQuestion question;
  question.batch = batch;
  question.slow_down_max = slow_down_max;
  question.options.hit_rate = hit_rate;
  return recommend(catalogue_model(Catalogue::real, model)->model, catalogue_gpu(Catalogue::real, gpu),
                   question);
}

TEST(Recommendation, WhatFitsIsKept) {
  const Recommendation result = ask("olmoe-1b-7b", "a100-80gb");
  EXPECT_EQ(result.chosen, Way::keep_all);
  EXPECT_EQ(result.of(Way::cache).hit_rate, 1) << "a cache of all experts misses none";
  EXPECT_DOUBLE_EQ(*result.of(Way::cache).slow_down, 1);
}

TEST(Recommendation, ACacheIsTakenWhereItsMissesAreHidden) {
  const Recommendation result = ask("mixtral-8x7b", "a100-80gb", 1, 2, 0.99);
  EXPECT_FALSE(result.of(Way::keep_all).fits);
  EXPECT_EQ(result.chosen, Way::cache);
  EXPECT_LE(*result.of(Way::cache).slow_down, 2);
}

TEST(Recommendation, QuantisingIsPreferredToACacheThatIsTooSlow) {
  const Recommendation result = ask("mixtral-8x7b", "a100-80gb");
  EXPECT_EQ(result.chosen, Way::int8);
  EXPECT_TRUE(result.of(Way::cache).fits);
  EXPECT_GT(*result.of(Way::cache).slow_down, 2);
  EXPECT_EQ(ask("mixtral-8x7b", "a100-80gb", 1, 1000).chosen, Way::cache) << "where any speed is accepted";
  EXPECT_EQ(ask("mixtral-8x7b", "a100-40gb").chosen, Way::int4);
}

TEST(Recommendation, SeveralGpusAreTheFewestThatFit) {
  const Recommendation result = ask("mixtral-8x22b", "a100-80gb", 1, 1);
  const WayAnswer& several = result.of(Way::several_gpus);
  EXPECT_TRUE(several.fits);
  EXPECT_EQ(several.gpus, 4U);
  EXPECT_GT(several.step->peer_ns, 0U);
  EXPECT_LT(*several.slow_down, 1) << "four read together, and what they exchange at batch 1 is little";
  EXPECT_EQ(several.total_bytes,
            *memory_parts(expert_share(catalogue_model(Catalogue::real, "mixtral-8x22b")->model, 4),
                          Approach::all_resident, 1, RecommendQuestion().options.context_tokens)
                 .total());
}

TEST(Recommendation, SeveralGpusAreNotTimedWhereTheirLinkIsNotKnown) {
  AnalyticGpu gpu = catalogue_gpu(Catalogue::real, "a100-80gb");
  gpu.profile.peer_bytes_per_s = 0;
  const Recommendation result = recommend(catalogue_model(Catalogue::real, "mixtral-8x22b")->model, gpu, {});
  EXPECT_FALSE(result.of(Way::several_gpus).step || result.of(Way::several_gpus).slow_down);
}

TEST(Recommendation, ACacheFillsTheRoomThereIs) {
  const auto model = catalogue_model(Catalogue::real, "deepseek-moe-16b");
  const AnalyticGpu gpu = catalogue_gpu(Catalogue::real, "v100-32gb");
  const WayAnswer cache = ask("deepseek-moe-16b", "v100-32gb").of(Way::cache);
  EXPECT_TRUE(cache.fits);
  EXPECT_LE(cache.total_bytes, gpu.memory_bytes);
  EXPECT_GT(cache.total_bytes + *model->model.moe_layers * *model->model.expert_bytes, gpu.memory_bytes);
}

TEST(Recommendation, WhereNothingFitsNothingIsChosen) {
  RecommendQuestion question;
  question.batch = 512;
  question.options.context_tokens = 1U << 20;
  const Recommendation result = recommend(catalogue_model(Catalogue::real, "deepseek-v3")->model,
                                          catalogue_gpu(Catalogue::real, "v100-32gb"), question);
  EXPECT_FALSE(result.chosen.has_value());
  for (const WayAnswer& answer : result.answers) EXPECT_FALSE(answer.fits) << way_name(answer.way);
}

}  // namespace
}  // namespace prophet::analytic
