#include "runtime/model/model_bytes.hpp"

#include <gtest/gtest.h>

#include "prophet/limits.hpp"
#include "tests/model/test_data.hpp"

namespace prophet {
namespace {

ModelShape small_model() {
  ModelShape model;
  model.name = "small";
  model.grid = ExpertGrid{2, 4};
  model.hidden_size = 64;
  model.expert_width = 96;
  model.non_expert_params = 64 * 10 + 5;
  return model;
}

TEST(RowBytes, FollowTheLayoutOfEachDtype) {
  EXPECT_EQ(row_bytes(100, Dtype::fp32), 400U);
  EXPECT_EQ(row_bytes(100, Dtype::bf16), 200U);
  EXPECT_EQ(row_bytes(100, Dtype::fp16), 200U);
  EXPECT_EQ(row_bytes(100, Dtype::fp8), 100U);
  EXPECT_EQ(row_bytes(100, Dtype::int8), 104U);
  EXPECT_EQ(row_bytes(100, Dtype::int4), 4U * 18) << "four groups, the last not full";
  EXPECT_EQ(row_bytes(100, Dtype::mxfp4), 4U * 17);
  EXPECT_EQ(row_bytes(0, Dtype::mxfp4), 0U);
}

TEST(ExpertBytes, AreTheRowsOfItsMatrices) {
  auto model = small_model();
  EXPECT_EQ(expert_params(model), 3U * 64 * 96);
  EXPECT_EQ(expert_bytes(model, Dtype::bf16), 2U * 3 * 64 * 96);
  EXPECT_EQ(expert_bytes(model, Dtype::int8), 3U * 64 * 96 + 4 * (2 * 96 + 64));
  EXPECT_EQ(expert_bytes(model, Dtype::int4), 2U * 96 * (2 * 18) + 64 * (3 * 18));
  model.expert_matrices = 2;
  EXPECT_EQ(expert_bytes(model, Dtype::mxfp4), 96U * (2 * 17) + 64 * (3 * 17));
}

TEST(ExpertBytes, LeaveBiasesUnquantised) {
  auto model = small_model();
  model.expert_bias_params = 2 * 96 + 64;
  EXPECT_EQ(expert_bytes(model, Dtype::fp8), 3U * 64 * 96 + 2 * 256);
  EXPECT_EQ(expert_bytes(model, Dtype::fp32), 4U * (3 * 64 * 96 + 256));
}

TEST(ExpertBytes, BeyondTheLimitAreRefused) {
  auto model = small_model();
  model.hidden_size = 1U << 18;
  model.expert_width = 1U << 22;
  EXPECT_EQ(test::refusal_of([&] { return expert_bytes(model, Dtype::fp8); }),
            "3 matrices of 262144 x 4194304 in fp8 make an expert of 3298534883328 bytes; expected at most "
            "17179869184");
  model.hidden_size = ~0U;
  model.expert_width = ~0U;
  EXPECT_NE(test::refusal_of([&] { return expert_bytes(model, Dtype::fp32); }).find("does not fit 64 bits"),
            std::string::npos);
}

TEST(NonExpertBytes, AreRowsOfTheHiddenSizeAndARest) {
  const auto model = small_model();
  EXPECT_EQ(non_expert_bytes(model, Dtype::bf16), 2U * 645);
  EXPECT_EQ(non_expert_bytes(model, Dtype::int8), 645U + 4 * 11);
}

TEST(TotalParams, AreAllExpertsAndTheRest) {
  EXPECT_EQ(total_params(small_model()), 8U * 3 * 64 * 96 + 645);
}

TEST(KvBytesPerToken, CountEachKindOfLayerAsItIs) {
  ModelShape model = small_model();
  model.kv = {
      KvLayers{KvKind::grouped_query, 3, 8, 128, 0, 0, 0}, KvLayers{KvKind::latent, 2, 0, 0, 512, 64, 0},
      KvLayers{KvKind::sliding_window, 1, 8, 128, 0, 0, 4096}, KvLayers{KvKind::none, 7, 0, 0, 0, 0, 0}};
  EXPECT_EQ(kv_bytes_per_token(model.kv[0], Dtype::bf16), 3U * 2 * 8 * 128 * 2);
  EXPECT_EQ(kv_bytes_per_token(model.kv[1], Dtype::bf16), 2U * 576 * 2);
  EXPECT_EQ(kv_bytes_per_token(model.kv[1], Dtype::fp8), 2U * 576);
  EXPECT_EQ(kv_bytes_per_token(model.kv[2], Dtype::int8), 2U * 8 * (128 + 4));
  EXPECT_EQ(kv_bytes_per_token(model.kv[3], Dtype::bf16), 0U);
  EXPECT_EQ(kv_bytes_per_token(model, Dtype::bf16), 12288U + 2304 + 4096);
}

TEST(DtypeNames, ReadBackAndRefuseOthers) {
  for (const auto* name : {"fp32", "bf16", "fp16", "fp8", "int8", "int4", "mxfp4"}) {
    EXPECT_EQ(dtype_name(parse_dtype(name)), name);
  }
  EXPECT_EQ(test::refusal_of([] { return parse_dtype("fp12"); }),
            "dtype 'fp12': expected one of fp32, bf16, fp16, fp8, int8, int4, mxfp4");
}

}  // namespace
}  // namespace prophet
