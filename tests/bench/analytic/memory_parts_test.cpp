// Memory in five parts, contexts, batches and steps of small models by hand.
#include "bench/analytic/memory_parts.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "bench/analytic/headroom_arithmetic.hpp"
#include "bench/analytic/selection.hpp"
#include "bench/analytic/step_time.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet::analytic {
namespace {

/// 10 layers of 8 experts, top-2, all sizes round.
AnalyticModel round_model() {
  AnalyticModel model;
  model.experts = 8;
  model.top_k = 2;
  model.moe_layers = 10;
  model.expert_bytes = 100;
  model.expert_int8_bytes = 50;
  model.expert_int4_bytes = 25;
  model.non_expert_bytes = 1000;
  model.activations = ActivationCost{0, 0, 30};
  model.kv = {KvRun{4, 0}, KvRun{2, 16}};
  model.active_params = 900;
  model.predictor_bytes = 7;
  model.stages = true;
  model.whole_experts = true;
  return model;
}

std::uint64_t total(Approach approach, std::uint64_t batch, std::uint64_t context) {
  return *memory_parts(round_model(), approach, batch, context).total();
}

TEST(MemoryParts, EachApproachKeepsWhatItSays) {
  const std::uint64_t rest = 1000 + 30 + 20 * 4 + 16 * 2;
  EXPECT_EQ(total(Approach::all_resident, 1, 20), rest + 8 * 10 * 100);
  EXPECT_EQ(total(Approach::int8, 1, 20), rest + 8 * 10 * 50);
  EXPECT_EQ(total(Approach::int4, 1, 20), rest + 8 * 10 * 25);
  EXPECT_EQ(total(Approach::prophet, 1, 20), rest + 2 * 10 * 100 + 7 + 2 * 100);
  EXPECT_EQ(total(Approach::static_hot, 1, 20), rest + 2 * 10 * 100 + 2 * 100);
  EXPECT_EQ(total(Approach::prophet_int8, 1, 20), rest + 2 * 10 * 50 + 7 + 2 * 50);
  EXPECT_EQ(total(Approach::offload, 1, 20), rest + 2 * 2 * 100) << "two layers of what is wanted";
}

TEST(MemoryParts, AFractionOfAnExpertIsAWholeOneOnlyWhereTheModelSaysSo) {
  AnalyticModel model = round_model();
  EXPECT_EQ(resident_experts(model, Approach::prophet, 2), 4) << "2 * 2^0.932 is 3.8";
  model.whole_experts = false;
  EXPECT_NEAR(resident_experts(model, Approach::prophet, 2), 3.816, 1e-3);
}

TEST(MemoryParts, OfTheRealCatalogueTheyAreTheModelsOwnBytes) {
  const ModelShape shape = load_model("olmoe-1b-7b");
  const AnalyticModel model = real_model(shape);
  const MemoryParts parts = memory_parts(model, Approach::all_resident, 4, 1000);
  EXPECT_EQ(parts.non_expert, non_expert_bytes(shape, shape.dtype));
  EXPECT_EQ(parts.experts, 16U * 64 * expert_bytes(shape, Dtype::bf16));
  EXPECT_EQ(parts.kv, 4 * 1000 * kv_bytes_per_token(shape, Dtype::bf16));
  HeadroomQuestion question;
  question.model = shape;
  question.batch = 4;
  EXPECT_EQ(parts.activations, workspace_bytes(question));
  question.batch = 700;
  EXPECT_EQ(activation_bytes(model, 700), workspace_bytes(question)) << "a batch longer than a chunk";
  EXPECT_EQ(parts.own, 0U);
}

TEST(MemoryParts, TheLongestContextFitsAndOneTokenMoreDoesNot) {
  const std::uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    const std::uint64_t memory = random() % 20000;
    const std::uint64_t batch = 1 + random() % 8;
    for (const Approach approach : approaches) {
      const std::uint64_t tokens = *context_tokens_max(round_model(), approach, batch, memory);
      EXPECT_GT(total(approach, batch, tokens + 1), memory);
      if (tokens != 0) {
        EXPECT_LE(total(approach, batch, tokens), memory);
      }
    }
  }
}

TEST(MemoryParts, TheLargestBatchFitsAndOneSequenceMoreDoesNot) {
  const std::uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    const std::uint64_t memory = random() % 20000;
    const std::uint64_t context = random() % 50;
    for (const Approach approach : approaches) {
      const std::uint64_t batch = *batch_size_max(round_model(), approach, context, memory);
      EXPECT_GT(total(approach, batch + 1, context), memory);
      if (batch != 0) {
        EXPECT_LE(total(approach, batch, context), memory);
      }
    }
  }
}

TEST(MemoryParts, WhatFollowsFromAnUnknownSizeIsUnknown) {
  const auto model = catalogue_model(Catalogue::study, "jamba-1.5-large");
  const MemoryParts parts = memory_parts(model->model, Approach::prophet, 1, 10);
  EXPECT_FALSE(parts.experts || parts.non_expert || parts.total());
  EXPECT_FALSE(context_tokens_max(model->model, Approach::prophet, 1, 1ULL << 40).has_value());
  EXPECT_FALSE(batch_size_max(model->model, Approach::prophet, 1, 1ULL << 40).has_value());
  EXPECT_EQ(context_extension(std::nullopt, 5).outcome, ExtensionOutcome::unknown);
}

TEST(MemoryParts, AnExtensionIsARatioOrEnabledOrNeitherAndNeverAZero) {
  EXPECT_EQ(*context_extension(10, 25).ratio, 2.5);
  EXPECT_EQ(context_extension(0, 25).outcome, ExtensionOutcome::enabled);
  EXPECT_EQ(context_extension(0, 0).outcome, ExtensionOutcome::neither);
  EXPECT_EQ(context_extension(10, 0).outcome, ExtensionOutcome::resident_only);
  EXPECT_FALSE(context_extension(0, 25).ratio || context_extension(0, 0).ratio);
}

GpuProfile round_gpu() {
  GpuProfile gpu;
  gpu.memory_bytes_per_s = 1e9;
  gpu.flops_per_s = 1e12;
  gpu.link_bytes_per_s = 1e8;
  return gpu;
}

TEST(StepTime, ReadsWhatIsWantedAndMovesWhatIsMissed) {
  const StepQuestion question{Approach::prophet, 2, 20, 3, 0.75};
  const auto step = step_time(round_model(), question, round_gpu());
  ASSERT_TRUE(step);
  EXPECT_EQ(step->read_bytes, 1000U + 10 * 3 * 100 + 2 * (20 * 4 + 16 * 2));
  EXPECT_EQ(step->moved_bytes, 750U);
  EXPECT_EQ(step->compute_ns, step->read_bytes) << "one byte a nanosecond";
  EXPECT_EQ(step->link_ns, 7500U);
  EXPECT_EQ(step->overlapped_ns, 7500U) << "the longer of the two";
  EXPECT_EQ(step->serial_ns, step->compute_ns + step->link_ns);
}

TEST(StepTime, ALargeBatchIsBoundByArithmetic) {
  GpuProfile slow = round_gpu();
  slow.flops_per_s = 1e9;
  const auto step = step_time(round_model(), {Approach::all_resident, 100, 0, 8, 1}, slow);
  EXPECT_EQ(step->compute_ns, 2U * 900 * 100);
}

TEST(StepTime, WithNothingReusedAStepMovesTopKExpertsOfEveryLayer) {
  const auto moved = [](const char* name) {
    const auto model = catalogue_model(Catalogue::real, name);
    const StepQuestion question{Approach::offload, 1, 1, static_cast<double>(model->model.top_k), 0};
    return static_cast<double>(step_time(model->model, question, load_gpu_profile("a100-80gb"))->moved_bytes);
  };
  EXPECT_NEAR(moved("qwen1.5-moe-a2.7b") / 1e9, 1.66, 0.005);
  EXPECT_NEAR(moved("olmoe-1b-7b") / 1e9, 1.61, 0.005);
  EXPECT_NEAR(moved("deepseek-moe-16b") / 1e9, 2.80, 0.005);
  EXPECT_NEAR(moved("mixtral-8x7b") / 1e9, 22.5, 0.06);
}

}  // namespace
}  // namespace prophet::analytic
