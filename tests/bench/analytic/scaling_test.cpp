// How many GPUs hold a large model, against trying every number, against figures by hand and against
// `analyze`.
#include "bench/analytic/scaling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "bench/analytic/selection.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet::analytic {
namespace {

using Models = std::vector<std::string>;
const Models large = {"dbrx",           "grok-1",          "arctic",
                      "switch-xxl-128", "jamba-1.5-large", "qwen3-235b-a22b",
                      "deepseek-v2",    "deepseek-v3"};

std::shared_ptr<const CatalogueModel> real(const std::string& name) {
  return catalogue_model(Catalogue::real, name);
}

AnalyticGpu gpu_of(const char* name) {
  return catalogue_gpu(Catalogue::real, name);
}

std::vector<ScaleAnswer> ask(const std::string& name, const ScaleQuestion& question,
                             const char* gpu = "a100-80gb") {
  return scale(real(name), gpu_of(gpu), question);
}

const ScaleAnswer& of(const std::vector<ScaleAnswer>& answers, Approach approach,
                      std::optional<double> slab_fraction = {}) {
  return *std::find_if(answers.begin(), answers.end(), [&](const ScaleAnswer& answer) {
    return answer.way.approach == approach && answer.way.slab_fraction == slab_fraction;
  });
}

/// Bytes of each GPU by the formulas that the parts have, without the code that looks for the fewest.
std::uint64_t bytes_of(const CatalogueModel& model, const ScaleWay& way, const Division& division,
                       const ScaleQuestion& question) {
  AnalyticModel share = share_of_gpu(model, division);
  if (way.slab_fraction) share.cache_experts = experts_of_fraction(model.model, *way.slab_fraction);
  return *memory_parts(share, way.approach, question.batch, question.options.context_tokens).total();
}

bool fits_somehow(const CatalogueModel& model, const ScaleWay& way, std::uint32_t gpus,
                  const ScaleQuestion& question, std::uint64_t memory_bytes) {
  for (const Parallel parallel : {Parallel::tensor, Parallel::expert}) {
    if (question.parallel && *question.parallel != parallel) continue;
    const Division division{gpus, parallel};
    if (can_be_divided(model, division) && bytes_of(model, way, division, question) <= memory_bytes)
      return true;
  }
  return false;
}

TEST(Scaling, TheFewestGpusAreThoseThatTryingEveryNumberFinds) {
  for (const std::optional<Parallel> parallel :
       {std::optional<Parallel>(), std::optional(Parallel::tensor), std::optional(Parallel::expert)}) {
    for (const std::string& name : large) {
      for (const std::uint32_t batch : {1U, 24U}) {
        ScaleQuestion question;
        question.batch = batch;
        question.parallel = parallel;
        question.gpus_max = 32;
        const auto model = real(name);
        const AnalyticGpu gpu = gpu_of("a100-80gb");
        for (const ScaleAnswer& answer : scale(model, gpu, question)) {
          std::vector<std::uint32_t> fitting;
          for (std::uint32_t gpus = 1; gpus <= question.gpus_max; ++gpus) {
            if (fits_somehow(*model, answer.way, gpus, question, gpu.memory_bytes)) fitting.push_back(gpus);
          }
          SCOPED_TRACE(name);
          ASSERT_EQ(*answer.fits, !fitting.empty());
          if (*answer.fits) {
            EXPECT_EQ(answer.division.gpus, fitting.front());
            EXPECT_LE(*answer.memory.total(), gpu.memory_bytes);
          } else {
            EXPECT_GT(*answer.memory.total(), gpu.memory_bytes);
          }
        }
      }
    }
  }
}

TEST(Scaling, FewerResidentExpertsNeverNeedMoreGpus) {
  for (const std::string& name : large) {
    ScaleQuestion question;
    question.gpus_max = 32;
    question.slab_fractions = {1, 0.9, 0.75, 0.6, 0.5, 0.375, 0.25, 0.125, 0.01};
    const auto answers = ask(name, question);
    std::uint32_t before = of(answers, Approach::all_resident).division.gpus;
    EXPECT_EQ(of(answers, Approach::prophet, 1.0).division.gpus, before) << name;
    for (const double fraction : question.slab_fractions) {
      const ScaleAnswer& answer = of(answers, Approach::prophet, fraction);
      ASSERT_TRUE(*answer.fits) << name << " " << fraction;
      EXPECT_LE(answer.division.gpus, before) << name << " " << fraction;
      before = answer.division.gpus;
    }
  }
}

TEST(Scaling, Grok1ByHand) {
  ScaleQuestion question;
  question.parallel = Parallel::tensor;
  // 309.2 GB of int8 experts, as they were released, on GPUs of 84.3 GB: more than three, and 3 cuts a KV
  // head.
  const std::uint64_t experts = 64ULL * 8 * 3 * 6144 * 32768;
  const ScaleAnswer tensor = of(ask("grok-1", question), Approach::all_resident);
  EXPECT_EQ(tensor.division.gpus, 4U);
  EXPECT_EQ(tensor.passed_over, std::vector<std::uint32_t>{3});
  EXPECT_NEAR(static_cast<double>(*tensor.memory.experts), static_cast<double>(experts) / 4,
              static_cast<double>(experts) / 4 * 1e-3)
      << "and the scales of int8";
  question.parallel = Parallel::expert;
  const ScaleAnswer expert = of(ask("grok-1", question), Approach::all_resident);
  EXPECT_EQ(expert.division.gpus, 8U)
      << "four to seven hold two experts of each layer, 77.3 GB, beside 12.9 GB";
  EXPECT_NEAR(static_cast<double>(*expert.memory.experts), static_cast<double>(experts) / 8,
              static_cast<double>(experts) / 8 * 1e-3);
  EXPECT_EQ(of(ask("grok-1", question), Approach::all_resident).passed_over.size(), 0U);
}

TEST(Scaling, DeepSeekV3ByHandInFp8AndInBf16) {
  ScaleQuestion question;
  question.gpus_max = 64;
  const auto fp8 = ask("deepseek-v3", question);
  // An expert slot of all 58 layers takes 2.554 GB; beside 34.2 GB of the rest 19 have room in 84.3 GB,
  // not 20.
  EXPECT_EQ(of(fp8, Approach::all_resident).division.gpus, 14U);
  EXPECT_EQ(of(fp8, Approach::all_resident).memory.experts, 19ULL * 58 * 3 * 7168 * 2048);
  EXPECT_EQ(of(fp8, Approach::all_resident).division.parallel, Parallel::expert);
  EXPECT_EQ(of(fp8, Approach::prophet).division.gpus, 1U) << "8 of 256 at batch 1";
  EXPECT_EQ(of(fp8, Approach::prophet).memory.experts, 8ULL * 58 * 3 * 7168 * 2048);

  EXPECT_EQ(of(fp8, Approach::prophet, 0.25).division.gpus, 4U);
  EXPECT_EQ(of(fp8, Approach::prophet, 0.25).memory.experts, 64ULL * 58 * 3 * 7168 * 2048 / 4)
      << "64 of 256, each over four GPUs";

  CatalogueModel model = *real("deepseek-v3");
  model.shape->expert_dtype = Dtype::bf16;
  model.model = real_model(*model.shape);
  const auto bf16 = scale(std::make_shared<const CatalogueModel>(model), gpu_of("a100-80gb"), question);
  // Slots of 5.109 GB: 9 have room, and 256 / 29 is 8.8 where 256 / 28 is 9.1.
  EXPECT_EQ(of(bf16, Approach::all_resident).division.gpus, 29U);
  EXPECT_EQ(of(bf16, Approach::all_resident).memory.experts, 9ULL * 58 * 3 * 7168 * 2048 * 2);
  question.parallel = Parallel::tensor;
  EXPECT_EQ(of(scale(std::make_shared<const CatalogueModel>(model), gpu_of("a100-80gb"), question),
               Approach::all_resident)
                .division.gpus,
            32U)
      << "16 would have to hold 81.7 GB of experts and 4.7 of the rest";
}

TEST(Scaling, OneGpuIsWhatAnalyzeSaysOfIt) {
  int compared = 0;
  for (const std::string& name : large) {
    ScaleQuestion question;
    question.options.hit_rate = 0.9;
    question.gpus_max = 1;
    const auto model = real(name);
    const AnalyticGpu gpu = gpu_of("h200");
    const AnalyticCell cell = analytic_cell(model, gpu, question.batch, question.options);
    const auto answers = scale(model, gpu, question);
    for (const Approach approach :
         {Approach::all_resident, Approach::prophet, Approach::int8, Approach::int4}) {
      const ScaleAnswer& answer = of(answers, approach);
      const ApproachAnswer& expected = cell.of(approach);
      EXPECT_EQ(answer.fits, expected.fits(gpu.memory_bytes));
      EXPECT_EQ(answer.memory.total(), expected.memory.total());
      EXPECT_EQ(answer.gpu_kv_tokens, expected.context_tokens_max);
      EXPECT_EQ(answer.node_kv_tokens, expected.context_tokens_max);
      EXPECT_EQ(answer.hit_rate, expected.hit_rate);
      EXPECT_EQ(answer.step->overlapped_ns, expected.step->overlapped_ns);
      EXPECT_EQ(answer.step->serial_ns, expected.step->serial_ns);
      EXPECT_TRUE(answer.timed);
      EXPECT_FALSE(answer.exchange);
      ++compared;
    }
  }
  EXPECT_EQ(compared, 32);
}

TEST(Scaling, NumbersThatCannotBeUsedArePassedOverAndNamed) {
  ScaleQuestion question;
  question.parallel = Parallel::tensor;
  const ScaleAnswer arctic = of(ask("arctic", question), Approach::all_resident);
  EXPECT_FALSE(*arctic.fits) << "56 query heads and 8 KV heads: 1, 2, 4, 8, then 56";
  EXPECT_EQ(arctic.division.gpus, 8U);
  EXPECT_EQ(arctic.passed_over, (std::vector<std::uint32_t>{9, 10, 11, 12, 13, 14, 15, 16}));
  question.gpus_max = 64;
  const ScaleAnswer wide = of(ask("arctic", question), Approach::all_resident);
  EXPECT_TRUE(*wide.fits);
  EXPECT_EQ(wide.division.gpus, 56U);
  EXPECT_EQ(wide.passed_over.front(), 9U);
  EXPECT_EQ(wide.passed_over.back(), 55U);
  question.parallel = Parallel::expert;
  const ScaleAnswer grok = of(ask("grok-1", question, "v100-32gb"), Approach::all_resident);
  EXPECT_FALSE(*grok.fits);
  EXPECT_EQ(grok.division.gpus, 8U) << "its experts";
  EXPECT_EQ(grok.passed_over.size(), 56U);
}

TEST(Scaling, CachingEnablesTheNumbersThatHoldItCachedAndNotWithEveryExpert) {
  for (const std::string& name : large) {
    const ScaleQuestion question;
    const auto model = real(name);
    const AnalyticGpu gpu = gpu_of("a100-80gb");
    const auto answers = scale(model, gpu, question);
    for (const ScaleAnswer& answer : answers) {
      bool cached = false;
      bool every = false;
      for (std::uint32_t gpus = 1; gpus <= question.gpus_max; ++gpus) {
        cached = cached || fits_somehow(*model, answer.way, gpus, question, gpu.memory_bytes);
        every = every || fits_somehow(*model, {}, gpus, question, gpu.memory_bytes);
        const bool enabled =
            answer.enabled_from && gpus >= *answer.enabled_from && gpus <= *answer.enabled_to;
        EXPECT_EQ(enabled, answer.way.approach == Approach::prophet && cached && !every)
            << name << " on " << gpus << ": what fits on fewer GPUs fits on these";
      }
    }
  }
}

TEST(Scaling, BeyondOneMachineBytesAreKnownAndTimesAreNot) {
  const ScaleAnswer twelve = of(ask("switch-xxl-128", {}), Approach::all_resident);
  ASSERT_GT(twelve.division.gpus, gpus_max);
  EXPECT_FALSE(twelve.timed);
  EXPECT_GT(twelve.exchange->bytes, 0U);
  EXPECT_FALSE(twelve.exchange->ns);
  const ScaleAnswer eight = of(ask("deepseek-v2", {}), Approach::all_resident);
  ASSERT_EQ(eight.division.gpus, gpus_max);
  EXPECT_TRUE(eight.timed);
  EXPECT_EQ(eight.step->peer_ns, *eight.exchange->ns);
}

TEST(Scaling, KvTokensFillTheMemoryAndOneMoreOfEachSequenceDoesNot) {
  for (const std::string& name : large) {
    for (const std::uint32_t batch : {1U, 12U}) {
      ScaleQuestion question;
      question.batch = batch;
      const auto model = real(name);
      const AnalyticGpu gpu = gpu_of("h100-80gb");
      for (const ScaleAnswer& answer : scale(model, gpu, question)) {
        if (!*answer.fits) continue;
        const std::uint64_t sequences = sequences_of_gpu(share_of_gpu(*model, answer.division), batch);
        ASSERT_EQ(*answer.gpu_kv_tokens % sequences, 0U);
        ScaleQuestion longest = question;
        longest.options.context_tokens = *answer.gpu_kv_tokens / sequences;
        EXPECT_LE(bytes_of(*model, answer.way, answer.division, longest), gpu.memory_bytes) << name;
        ++longest.options.context_tokens;
        EXPECT_GT(bytes_of(*model, answer.way, answer.division, longest), gpu.memory_bytes) << name;
        const bool own_sequences = answer.division.gpus > 1 && answer.division.parallel == Parallel::expert;
        EXPECT_EQ(*answer.node_kv_tokens, *answer.gpu_kv_tokens * (own_sequences ? answer.division.gpus : 1));
      }
    }
  }
}

TEST(Scaling, ACacheKeepsTheNearestWholeNumberAndAtLeastTopK) {
  const AnalyticModel model = real("deepseek-v2")->model;
  EXPECT_EQ(experts_of_fraction(model, 0.25), 40U);
  EXPECT_EQ(experts_of_fraction(model, 0.33), 53U) << "52.8";
  EXPECT_EQ(experts_of_fraction(model, 0.001), 6U);
  EXPECT_EQ(experts_of_fraction(model, 1), 160U);
  ScaleQuestion question;
  question.options.hit_rate = 0.99;
  const auto answers = ask("deepseek-v2", question);
  EXPECT_EQ(of(answers, Approach::prophet, 0.125).experts_of_layer, 20);
  EXPECT_EQ(of(answers, Approach::prophet, 0.125).hit_rate, 0.99);
  EXPECT_EQ(of(answers, Approach::all_resident).hit_rate, 1) << "the stated rate is of caches";
}

TEST(Scaling, WhatTheStudyPrintsNoSizeOfIsUnknownAndItsExpertsAreABoundFromBelow) {
  const AnalyticGpu gpu = catalogue_gpu(Catalogue::study, "a100-80gb");
  for (const std::string& name : large) {
    for (const ScaleAnswer& answer : scale(catalogue_model(Catalogue::study, name), gpu, {})) {
      EXPECT_FALSE(answer.fits) << name;
      EXPECT_FALSE(answer.gpu_kv_tokens || answer.enabled_from);
      EXPECT_EQ(answer.division.gpus, 1U);
    }
  }
  const auto dbrx = scale(catalogue_model(Catalogue::study, "dbrx"), gpu, {});
  EXPECT_EQ(dbrx.front().experts_gpus, 5U) << "359.68 GB on GPUs of 80 GB";
  EXPECT_EQ(of(dbrx, Approach::prophet, 0.5).experts_gpus, 3U) << "179.84 GB";
  EXPECT_FALSE(scale(catalogue_model(Catalogue::study, "jamba-1.5-large"), gpu, {}).front().experts_gpus);
}

}  // namespace
}  // namespace prophet::analytic
