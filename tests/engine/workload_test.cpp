#include "runtime/engine/workload.hpp"

#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

TEST(Workload, OfAModelHasTheModelsBytes) {
  const ModelShape model = load_model("gpt-oss-20b");
  const Workload workload = real_workload(model, model.dtype);
  EXPECT_EQ(workload.grid, model.grid);
  EXPECT_EQ(workload.top_k, model.top_k);
  EXPECT_EQ(workload.expert_bytes, expert_bytes(model, model.dtype));
  EXPECT_GT(workload.dense_bytes_per_layer, 0U);
  const std::uint64_t resident = workload.dense_bytes_per_layer * model.grid.layers + workload.lookup_bytes;
  EXPECT_LE(resident, non_expert_bytes(model, model.dtype));
  EXPECT_LT(non_expert_bytes(model, model.dtype) - resident, model.grid.layers);
  EXPECT_EQ(workload.scale, 1.0);
}

TEST(Workload, ReadsNoInputEmbeddingsInAStepUnlessTheOutputUsesThem) {
  const ModelShape untied = load_model("gpt-oss-20b");
  EXPECT_EQ(real_workload(untied, untied.dtype).lookup_bytes, 201'088ULL * 2880 * 2);
  ModelShape tied = untied;
  tied.lookup_params = 0;
  EXPECT_EQ(real_workload(tied, tied.dtype).lookup_bytes, 0U);
}

TEST(Workload, ScaledFitsWhatWasAskedAndSaysByHowMuch) {
  const Workload real = real_workload(load_model("gpt-oss-20b"), Dtype::bf16);
  for (const std::uint64_t limit :
       std::initializer_list<std::uint64_t>{1536, 10'000, 1ULL << 20, real.expert_bytes}) {
    const Workload scaled = scaled_workload(real, limit);
    EXPECT_LE(scaled.expert_bytes, limit);
    EXPECT_GT(scaled.expert_bytes + 1536, std::min(limit, real.expert_bytes));
    EXPECT_NEAR(scaled.scale * static_cast<double>(scaled.expert_bytes),
                static_cast<double>(real.expert_bytes), 1.0);
    EXPECT_EQ(scaled.grid, real.grid);
  }
}

TEST(Workload, SmallerThanOneRowIsRefused) {
  EXPECT_THROW((void)custom_workload({2, 4}, 2, 1535, 512), Error);
  EXPECT_EQ(custom_workload({2, 4}, 2, 1536 + 7, 512).expert_bytes, 1536U);
}

}  // namespace
}  // namespace prophet
