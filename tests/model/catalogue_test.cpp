#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "prophet/limits.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"
#include "tests/model/test_data.hpp"

namespace prophet {
namespace {

using test::read_csv;
using test::refusal_of;
using testing::HasSubstr;

TEST(Catalogue, ModelsHaveTheSizesOfTheirArchitectures) {
  const auto rows = read_csv(test::data_folder() / "expected_catalogue.csv");
  ASSERT_EQ(rows.size(), catalogue_names().size());
  for (const auto& row : rows) {
    SCOPED_TRACE(row.at("model"));
    const auto model = load_model(row.at("model"));
    EXPECT_EQ(model.grid.layers, std::stoul(row.at("moe_layers")));
    EXPECT_EQ(model.grid.experts, std::stoul(row.at("experts")));
    EXPECT_EQ(model.top_k, std::stoul(row.at("top_k")));
    EXPECT_EQ(expert_bytes(model, Dtype::bf16), std::stoull(row.at("expert_bytes_bf16")));
    EXPECT_EQ(expert_bytes(model, model.expert_dtype), std::stoull(row.at("expert_bytes_shipped")));
    EXPECT_EQ(model.non_expert_params, std::stoull(row.at("non_expert_params")));
    EXPECT_EQ(kv_bytes_per_token(model, Dtype::bf16), std::stoull(row.at("kv_bytes_per_token_bf16")));
    EXPECT_EQ(total_params(model), std::stoull(row.at("total_params")));
  }
}

/// The survey counts four norms a layer of Arctic; the model's code has three.
std::uint64_t survey_surplus(const std::string& name) {
  return name == "Snowflake-Arctic-480B" ? 35U * 7168U : 0U;
}

TEST(Catalogue, AgreesWithTheSurveyOfArchitectures) {
  const auto file = std::filesystem::path(PROPHET_SOURCE_DIR) / "../shared/claims/models.csv";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "../shared/claims/models.csv is not there";
  const auto rows = read_csv(file);
  ASSERT_EQ(rows.size(), catalogue_names().size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& name = rows[i].at("model");
    SCOPED_TRACE(name);
    const auto model = load_model(catalogue_names()[i]);
    EXPECT_EQ(model.non_expert_params + survey_surplus(name),
              std::stoull(rows[i].at("calc_nonexpert_params")));
    EXPECT_EQ(expert_bytes(model, Dtype::bf16), std::stoull(rows[i].at("calc_expert_bytes_bf16")));
    EXPECT_EQ(kv_bytes_per_token(model, Dtype::bf16),
              std::stoull(rows[i].at("calc_kv_bytes_per_token_bf16")));
    EXPECT_EQ(total_params(model) + survey_surplus(name), std::stoull(rows[i].at("calc_total_params")));
    EXPECT_EQ(load_model(name).name, model.name) << "the survey's name is an alias";
  }
}

TEST(Catalogue, EveryModelIsUsableAndNamesItsSource) {
  for (const auto& name : catalogue_names()) {
    SCOPED_TRACE(name);
    const auto model = load_model(name);
    EXPECT_EQ(model.name, name);
    EXPECT_FALSE(model.source.empty());
    EXPECT_GE(model.layers, model.grid.layers);
    EXPECT_GE(model.grid.experts, model.top_k);
    EXPECT_GT(model.context_tokens, 0U);
    EXPECT_LE(model.shared_expert_params, model.non_expert_params);
    EXPECT_TRUE(std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
  }
}

TEST(Catalogue, NamesIgnoreCaseAndHubNamesAreUnderstood) {
  EXPECT_EQ(load_model("GPT-OSS-20B").name, "gpt-oss-20b");
  EXPECT_EQ(load_model("mistralai/Mixtral-8x7B-v0.1").name, "mixtral-8x7b");
  EXPECT_EQ(load_model("Qwen/Qwen3-30B-A3B").name, "qwen3-30b-a3b");
}

TEST(Catalogue, AnUnknownNameIsAnsweredWithNearOnes) {
  EXPECT_EQ(
      refusal_of([] { return load_model("gptoss-20b"); }),
      "model 'gptoss-20b' is not known; expected a path of a config.json or a name such as gpt-oss-20b, "
      "gpt-oss-120b");
  EXPECT_THAT(refusal_of([] { return load_model("mixtral"); }), HasSubstr("mixtral-8x7b, mixtral-8x22b"));
  EXPECT_THAT(refusal_of([] { return load_model("mixtrl"); }),
              HasSubstr("such as mixtral-8x7b, mixtral-8x22b"));
  const auto far = refusal_of([] { return load_model("llama-2-7b-chat-of-long-ago"); });
  for (const auto& name : catalogue_names()) EXPECT_THAT(far, HasSubstr(name));
  EXPECT_THAT(refusal_of([] { return load_model(""); }), HasSubstr("model '' is not known"));
}

TEST(Catalogue, AnUnknownNameIsAUsageErrorAndAMissingFileABadInput) {
  try {
    static_cast<void>(load_model("no-such-model"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
  }
  try {
    static_cast<void>(load_model("/nowhere/config.json"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_STREQ(error.what(), "'/nowhere/config.json': no such file; expected a JSON file");
  }
}

TEST(Catalogue, SlidingLatentAndRecurrentLayersCostWhatTheyAre) {
  const auto oss = load_model("gpt-oss-20b");
  ASSERT_EQ(oss.kv.size(), 2U);
  EXPECT_EQ(oss.kv[0].kind, KvKind::grouped_query);
  EXPECT_EQ(oss.kv[1].kind, KvKind::sliding_window);
  EXPECT_EQ(oss.kv[1].layers, 12U);
  EXPECT_EQ(oss.kv[1].window_tokens, 128U);
  const auto jamba = load_model("jamba-1.5-large");
  ASSERT_EQ(jamba.kv.size(), 2U);
  EXPECT_EQ(jamba.kv[0].layers, 9U);
  EXPECT_EQ(jamba.kv[1].kind, KvKind::none);
  EXPECT_EQ(jamba.recurrent_state_values * 2, 41287680U) << "bytes in bf16 of one sequence";
  EXPECT_EQ(load_model("deepseek-v3").kv.front().kind, KvKind::latent);
}

}  // namespace
}  // namespace prophet
