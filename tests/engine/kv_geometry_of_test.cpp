#include "runtime/engine/kv_geometry_of.hpp"

#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "runtime/memory/arena.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet {
namespace {

KvGroup group(std::uint32_t layers, std::uint64_t token_bytes, std::uint32_t window_tokens) {
  KvGroup made;
  made.layers = layers;
  made.token_bytes = token_bytes;
  made.window_tokens = window_tokens;
  return made;
}

TEST(KvGeometryOf, GroupedQueryLayersAreOneGroup) {
  const KvGeometry geometry = kv_geometry_of(load_model("mixtral-8x7b"), Dtype::bf16);
  EXPECT_EQ(geometry.groups, std::vector{group(32, 2 * 8 * 128 * 2, 0)});
  EXPECT_EQ(geometry.state_bytes, 0U);
  const ModelShape model = load_model("mixtral-8x7b");
  EXPECT_EQ(kv_geometry_of(model, Dtype::fp8).groups.front().token_bytes, 2U * 8 * 128);
  EXPECT_EQ(kv_geometry_of(model, Dtype::int8).groups.front().token_bytes, 2U * 8 * (128 + 4));
}

TEST(KvGeometryOf, ALatentIsOneRowAToken) {
  const ModelShape model = load_model("deepseek-v3");
  EXPECT_EQ(kv_geometry_of(model, Dtype::bf16).groups, std::vector{group(61, (512 + 64) * 2, 0)});
  for (const Dtype refused : {Dtype::int8, Dtype::fp8, Dtype::fp32}) {
    try {
      static_cast<void>(kv_geometry_of(model, refused));
      ADD_FAILURE() << dtype_name(refused);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_NE(std::string(error.what()).find("latent cache, expected bf16 or fp16"), std::string::npos);
    }
  }
}

TEST(KvGeometryOf, LayersWithAWindowAreAGroupOfTheirOwn) {
  EXPECT_EQ(kv_geometry_of(load_model("gpt-oss-20b"), Dtype::bf16).groups,
            (std::vector{group(12, 2048, 0), group(12, 2048, 128)}));
}

TEST(KvGeometryOf, RecurrentLayersHaveAStateAndNoTokens) {
  const KvGeometry geometry = kv_geometry_of(load_model("jamba-1.5-large"), Dtype::bf16);
  EXPECT_EQ(geometry.groups, std::vector{group(9, 4096, 0)});
  EXPECT_EQ(geometry.state_bytes, 41287680U);
}

TEST(KvGeometryOf, AnEncoderDecoderKeepsItsDecodersOwnTokens) {
  EXPECT_EQ(kv_geometry_of(load_model("switch-base-128"), Dtype::bf16).groups,
            std::vector{group(12, 2 * 12 * 64 * 2, 0)});
}

TEST(KvGeometryOf, AModelThatKeepsNothingIsRefused) {
  ModelShape model = load_model("jamba-1.5-large");
  model.kv = {{KvKind::none, 72, 0, 0, 0, 0, 0}};
  EXPECT_THROW(static_cast<void>(kv_geometry_of(model, Dtype::bf16)), Error);
}

TEST(KvGeometryOf, OfEveryModelInTheCatalogueALentSlabWastesAtMostOnePercent) {
  for (const std::string& name : catalogue_names()) {
    const ModelShape model = load_model(name);
    for (const Dtype experts : {model.expert_dtype, Dtype::bf16, Dtype::int4}) {
      for (const Dtype kv : {Dtype::bf16, Dtype::fp8, Dtype::int8}) {
        if (kv != Dtype::bf16 && model.kv.front().kind == KvKind::latent) continue;
        const std::uint64_t slab = Arena::plan(expert_bytes(model, experts), 1).stride_bytes;
        const KvPagePlan plan = propose_pages(kv_geometry_of(model, kv), slab);
        EXPECT_LE(plan.waste, kv_waste_max) << name << " " << dtype_name(experts) << " " << dtype_name(kv);
        EXPECT_LE(static_cast<double>(plan.slab_waste_bytes), 0.01 * static_cast<double>(slab)) << name;
      }
    }
  }
}

}  // namespace
}  // namespace prophet
