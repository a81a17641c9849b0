// What one of several GPUs holds and sends: identities with the undivided model, and models by hand.
#include "bench/analytic/several_gpus.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bench/analytic/analytic_cell.hpp"
#include "bench/analytic/selection.hpp"
#include "prophet/error.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet::analytic {
namespace {

constexpr std::uint64_t context = 1000;

CatalogueModel real(std::string_view name) {
  return *catalogue_model(Catalogue::real, name);
}

std::vector<std::string> real_names() {
  std::vector<std::string> names;
  for (const PublishedCount& count : published_counts()) names.push_back(count.name);
  return names;
}

bool accepts(const CatalogueModel& model, const Division& division) {
  try {
    check_division(model, division);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_FALSE(can_be_divided(model, division));
    return false;
  }
  EXPECT_TRUE(can_be_divided(model, division));
  return true;
}

MemoryParts parts_of(const CatalogueModel& model, const Division& division, Approach approach,
                     std::uint64_t batch) {
  return memory_parts(share_of_gpu(model, division), approach, batch, context);
}

AnalyticCell cell_of(const char* model, const char* gpu, std::uint32_t batch, const Division& division) {
  CellOptions options;
  options.division = division;
  return analytic_cell(catalogue_model(Catalogue::real, model), catalogue_gpu(Catalogue::real, gpu), batch,
                       options);
}

TEST(SeveralGpus, TogetherTheyHoldWhatOneWouldAndWhatIsRepeated) {
  for (const std::string& name : real_names()) {
    const CatalogueModel model = real(name);
    for (const std::uint32_t gpus : {2U, 4U, 8U}) {
      for (const Parallel parallel : {Parallel::tensor, Parallel::expert}) {
        const Division division{gpus, parallel};
        if (!accepts(model, division)) continue;
        SCOPED_TRACE(name + " " + parallel_name(parallel) + " " + std::to_string(gpus));
        for (const Approach approach : approaches) {
          const MemoryParts one = memory_parts(model.model, approach, 16, context);
          const MemoryParts each = parts_of(model, division, approach, 16);
          EXPECT_GE(gpus * *each.non_expert, *one.non_expert);
          EXPECT_GE(gpus * *each.experts, *one.experts);
          EXPECT_GE(gpus * *each.kv, *one.kv);
          EXPECT_GE(gpus * *each.activations, *one.activations);
          EXPECT_LE(*each.non_expert, *one.non_expert);
          EXPECT_LE(*each.experts, *one.experts);
          EXPECT_LE(*each.kv, *one.kv);
          EXPECT_LE(*each.activations, *one.activations);
        }
      }
    }
  }
}

TEST(SeveralGpus, ExpertsAreDividedWithoutARestWhereTheirNumberAllowsIt) {
  for (const std::string& name : real_names()) {
    const CatalogueModel model = real(name);
    if (model.model.experts % 8 != 0) continue;
    const MemoryParts each = parts_of(model, {8, Parallel::expert}, Approach::all_resident, 8);
    EXPECT_EQ(8 * *each.experts, *memory_parts(model.model, Approach::all_resident, 8, context).experts)
        << name;
    EXPECT_EQ(each.non_expert, model.model.non_expert_bytes) << name << ": repeated";
  }
}

TEST(SeveralGpus, TensorParallelismDividesExactlyWhatNothingRepeats) {
  ModelShape shape = *real("mixtral-8x7b").shape;
  shape.non_expert_params -= shape.repeated_params;
  shape.repeated_params = 0;
  const ModelShape part = tensor_share(shape, 8);
  EXPECT_EQ(8 * part.non_expert_params, shape.non_expert_params);
  EXPECT_EQ(8 * part.lookup_params, shape.lookup_params);
  EXPECT_EQ(8 * expert_bytes(part, Dtype::bf16), expert_bytes(shape, Dtype::bf16));
  EXPECT_EQ(8 * kv_bytes_per_token(part, Dtype::bf16), kv_bytes_per_token(shape, Dtype::bf16));
}

TEST(SeveralGpus, TheScalesOfAQuantisedExpertsOutputAreRepeated) {
  const ModelShape shape = *real("mixtral-8x7b").shape;
  const std::uint64_t scales_of_down = 4 * shape.hidden_size;
  EXPECT_EQ(2 * expert_bytes(tensor_share(shape, 2), Dtype::int8),
            expert_bytes(shape, Dtype::int8) + scales_of_down);
}

TEST(SeveralGpus, KvIsDividedByItsHeadsAndALatentNotAtAll) {
  const auto token_bytes = [](const char* name, std::uint32_t gpus) {
    return kv_bytes_per_token(tensor_share(*real(name).shape, gpus), Dtype::bf16);
  };
  EXPECT_EQ(token_bytes("mixtral-8x7b", 1), 131072U);
  EXPECT_EQ(token_bytes("mixtral-8x7b", 8), 16384U);
  EXPECT_EQ(token_bytes("mixtral-8x7b", 16), 16384U) << "8 KV heads, each on two GPUs";
  for (const std::uint32_t gpus : {1U, 2U, 8U}) EXPECT_EQ(token_bytes("deepseek-v3", gpus), 61U * 576 * 2);
  const CatalogueModel latent = real("deepseek-v3");
  EXPECT_EQ(parts_of(latent, {8, Parallel::expert}, Approach::all_resident, 16).kv,
            2 * context * 61 * 576 * 2)
      << "but sequences are";
}

TEST(SeveralGpus, RepeatedKAndVProjectionsAreCountedWithTheirHeads) {
  const ModelShape shape = *real("mixtral-8x7b").shape;
  EXPECT_EQ(shape.kv_projection_params, 32U * 2 * 4096 * 1024);
  const std::uint64_t rest = shape.non_expert_params - shape.repeated_params - shape.kv_projection_params;
  EXPECT_EQ(tensor_share(shape, 16).non_expert_params,
            shape.repeated_params + shape.kv_projection_params / 8 + rest / 16);
}

TEST(SeveralGpus, MixtralOnTwo) {
  const AnalyticCell cell = cell_of("mixtral-8x7b", "a100-80gb", 1, {2, Parallel::tensor});
  const std::uint64_t experts = 32ULL * 8 * 3 * 4096 * 14336;  // of 2 bytes, on 2 GPUs
  const std::uint64_t divided = 2 * 32000 * 4096 + 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024);
  const std::uint64_t repeated = 32 * 4096 * 8 + 65 * 4096;
  EXPECT_EQ(cell.of(Approach::all_resident).memory.experts, experts);
  EXPECT_EQ(cell.of(Approach::all_resident).memory.non_expert, divided + 2 * repeated);
  EXPECT_EQ(cell.kv_token_bytes, 65536U);
  EXPECT_EQ(cell.exchange->bytes, 32U * 2 * 4096 * 2) << "two all-reduces a layer, of which all is sent once";
  EXPECT_EQ(*cell.of(Approach::all_resident).fits(cell.memory_bytes), true);
}

TEST(SeveralGpus, DeepSeekV3OnEight) {
  const std::uint64_t experts = 58ULL * 256 * 3 * 7168 * 2048 / 8;  // of fp8
  const std::uint64_t repeated =
      61ULL * (7168 * 1536 + 1536 + 7168 * 576 + 512) + 58 * (7168 * 256 + 256) + 123 * 7168;
  const CatalogueModel model = real("deepseek-v3");
  EXPECT_EQ(model.shape->repeated_params, repeated);
  const AnalyticCell tensor = cell_of("deepseek-v3", "h200", 8, {8, Parallel::tensor});
  const AnalyticCell expert = cell_of("deepseek-v3", "h200", 8, {8, Parallel::expert});
  EXPECT_EQ(tensor.of(Approach::all_resident).memory.experts, experts);
  EXPECT_EQ(expert.of(Approach::all_resident).memory.experts, experts);
  EXPECT_EQ(tensor.of(Approach::all_resident).memory.non_expert,
            2 * (repeated + (model.shape->non_expert_params - repeated) / 8));
  EXPECT_EQ(expert.of(Approach::all_resident).memory.non_expert, 2 * model.shape->non_expert_params);
  EXPECT_EQ(*expert.of(Approach::all_resident).fits(expert.memory_bytes), true);
  EXPECT_EQ(tensor.exchange->bytes, 61U * 2 * 7 * 8 * 7168 * 2 * 2 / 8);
  EXPECT_EQ(expert.exchange->bytes, 58U * 2 * 7 * 7168 * 2) << "8 choices of one sequence, 7 of 8 leave";
  EXPECT_EQ(*expert.exchange->ns, std::llround(58.0 * 2 * 7 * 7168 * 2 / 370));
}

TEST(SeveralGpus, TheGpuWithMostIsTheOneThatIsCounted) {
  const CatalogueModel model = real("qwen1.5-moe-a2.7b");
  ASSERT_EQ(model.model.experts, 60U);
  const MemoryParts each = parts_of(model, {8, Parallel::expert}, Approach::all_resident, 9);
  EXPECT_EQ(*each.experts, 8U * *model.model.moe_layers * *model.model.expert_bytes) << "60 / 8 is 7.5";
  EXPECT_EQ(each.kv, memory_parts(model.model, Approach::all_resident, 2, context).kv) << "9 / 8 is 1.1";
}

TEST(SeveralGpus, ProphetKeepsItsExpertsOverAllOfThem) {
  const AnalyticCell one = cell_of("deepseek-v3", "h200", 8, {});
  const AnalyticCell eight = cell_of("deepseek-v3", "h200", 8, {8, Parallel::expert});
  EXPECT_EQ(one.demand.cached_experts, 56U) << "8 * 8^0.932 is 55.6";
  EXPECT_EQ(eight.demand.cached_experts, 56U) << "7 on each";
  EXPECT_EQ(8 * *eight.of(Approach::prophet).memory.experts, *one.of(Approach::prophet).memory.experts);
  EXPECT_EQ(eight.of(Approach::prophet).memory.own, one.of(Approach::prophet).memory.own)
      << "predictor and staging are on each";
}

TEST(SeveralGpus, TheExchangeHidesBehindNoComputingAndCopiesFromTheHostBehindBoth) {
  for (const Parallel parallel : {Parallel::tensor, Parallel::expert}) {
    const AnalyticCell cell = cell_of("mixtral-8x7b", "a100-80gb", 16, {4, parallel});
    for (const ApproachAnswer& answer : cell.answers) {
      const StepTime& step = *answer.step;
      EXPECT_EQ(step.peer_ns, *cell.exchange_ns());
      EXPECT_GT(step.peer_ns, 0U);
      EXPECT_EQ(step.overlapped_ns, std::max(step.compute_ns + step.peer_ns, step.link_ns));
      EXPECT_EQ(step.serial_ns, step.compute_ns + step.peer_ns + step.link_ns);
    }
  }
}

TEST(SeveralGpus, EachReadsAndMovesItsShareOfAStep) {
  const AnalyticCell one = cell_of("olmoe-1b-7b", "a100-80gb", 8, {});
  const AnalyticCell four = cell_of("olmoe-1b-7b", "a100-80gb", 8, {4, Parallel::expert});
  const StepTime& alone = *one.of(Approach::offload).step;
  const StepTime& each = *four.of(Approach::offload).step;
  EXPECT_NEAR(4 * static_cast<double>(each.moved_bytes), static_cast<double>(alone.moved_bytes), 4);
  const std::uint64_t rest = *one.model->model.non_expert_bytes - one.model->model.lookup_bytes;
  EXPECT_NEAR(4 * static_cast<double>(each.read_bytes - rest), static_cast<double>(alone.read_bytes - rest),
              4);
}

TEST(SeveralGpus, TheLongestContextAndTheLargestBatchFitAndOneMoreDoesNot) {
  for (const char* name : {"mixtral-8x22b", "deepseek-v2", "jamba-1.5-large", "gpt-oss-120b"}) {
    for (const Parallel parallel : {Parallel::tensor, Parallel::expert}) {
      const AnalyticCell cell = cell_of(name, "h100-80gb", 12, {8, parallel});
      SCOPED_TRACE(std::string(name) + " " + parallel_name(parallel));
      const AnalyticModel share = share_of_gpu(*cell.model, cell.options.division);
      for (const ApproachAnswer& answer : cell.answers) {
        const auto total = [&](std::uint64_t batch, std::uint64_t tokens) {
          return *memory_parts(share, answer.approach, batch, tokens).total();
        };
        const std::uint64_t tokens = *answer.context_tokens_max;
        EXPECT_GT(total(12, tokens + 1), cell.memory_bytes);
        if (tokens != 0) {
          EXPECT_LE(total(12, tokens), cell.memory_bytes);
        }
        const std::uint64_t batch = *answer.batch_size_max;
        EXPECT_GT(total(batch + 1, cell.options.context_tokens), cell.memory_bytes);
        if (batch != 0) {
          EXPECT_LE(total(batch, cell.options.context_tokens), cell.memory_bytes);
        }
      }
    }
  }
}

TEST(SeveralGpus, WhereThePeerLinkIsNotKnownBytesAreAndTimesAreNot) {
  AnalyticGpu gpu = catalogue_gpu(Catalogue::real, "h200");
  gpu.profile.peer_bytes_per_s = 0;
  CellOptions options;
  options.division = {2, Parallel::expert};
  const AnalyticCell cell = analytic_cell(catalogue_model(Catalogue::real, "dbrx"), gpu, 4, options);
  EXPECT_GT(cell.exchange->bytes, 0U);
  EXPECT_FALSE(cell.exchange->ns || cell.exchange_ns());
}

TEST(SeveralGpus, TheStudysCatalogueIsDividedByExpertsOnly) {
  const CatalogueModel model = *catalogue_model(Catalogue::study, "mixtral-8x7b");
  EXPECT_FALSE(accepts(model, {2, Parallel::tensor}));
  ASSERT_TRUE(accepts(model, {8, Parallel::expert}));
  const MemoryParts each = parts_of(model, {8, Parallel::expert}, Approach::all_resident, 8);
  const MemoryParts one = memory_parts(model.model, Approach::all_resident, 8, context);
  EXPECT_EQ(8 * *each.experts, *one.experts);
  EXPECT_EQ(8 * *each.kv, *one.kv);
  EXPECT_EQ(8 * *each.activations, *one.activations);
}

TEST(SeveralGpus, NoHeadIsCutAndNoGpuIsWithoutAnExpert) {
  EXPECT_FALSE(accepts(real("mixtral-8x7b"), {3, Parallel::tensor}));
  EXPECT_TRUE(accepts(real("mixtral-8x7b"), {3, Parallel::expert}));
  EXPECT_TRUE(accepts(real("mixtral-8x7b"), {8, Parallel::expert}));
  CatalogueModel few = real("mixtral-8x7b");
  few.model.experts = 4;
  EXPECT_FALSE(accepts(few, {8, Parallel::expert}));
}

}  // namespace
}  // namespace prophet::analytic
