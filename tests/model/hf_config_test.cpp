#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/base/random.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"
#include "tests/model/test_data.hpp"

namespace prophet {
namespace {

using test::data_folder;
using test::refusal_of;
using test::text_of;
using testing::HasSubstr;

std::filesystem::path config_file(const std::string& name) {
  return data_folder() / "configs" / (name + ".json");
}

ModelShape with(const std::string& config, const nlohmann::json& patch) {
  auto json = nlohmann::json::parse(text_of(config_file(config)));
  json.merge_patch(patch);
  return parse_hf_config(json.dump(), "config.json");
}

TEST(HfConfig, EveryFamilyHasItsPublishedSize) {
  for (const auto& row : test::read_csv(data_folder() / "expected_configs.csv")) {
    SCOPED_TRACE(row.at("config"));
    const auto model = load_model(config_file(row.at("config")).string());
    EXPECT_EQ(model.name, row.at("config"));
    EXPECT_EQ(model.grid.layers, std::stoul(row.at("moe_layers")));
    EXPECT_EQ(model.grid.experts, std::stoul(row.at("experts")));
    EXPECT_EQ(model.top_k, std::stoul(row.at("top_k")));
    EXPECT_EQ(dtype_name(model.expert_dtype), row.at("expert_dtype"));
    EXPECT_EQ(kv_bytes_per_token(model, Dtype::bf16), std::stoull(row.at("kv_bytes_per_token_bf16")));
    const auto published = std::stod(row.at("published_params"));
    const auto error_percent =
        100 * std::abs(static_cast<double>(total_params(model)) - published) / published;
    EXPECT_LE(error_percent, std::stod(row.at("tolerance_percent"))) << total_params(model);
  }
}

TEST(HfConfig, SaysTheSameAsTheCatalogue) {
  for (const auto& row : test::read_csv(data_folder() / "expected_configs.csv")) {
    if (row.at("catalogue") == "-") continue;
    SCOPED_TRACE(row.at("config"));
    auto model = load_model(config_file(row.at("config")).string());
    const auto known = load_model(row.at("catalogue"));
    model.name = known.name;
    model.source = known.source;
    model.dtype = known.dtype;
    model.expert_dtype = known.expert_dtype;
    EXPECT_EQ(model, known);
  }
}

TEST(HfConfig, AFolderStandsForItsConfig) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "prophet-hf-folder" / "my-olmoe";
  std::filesystem::create_directories(folder);
  EXPECT_EQ(refusal_of([&] { return load_model(folder.string()); }),
            std::string("'") + (folder / "config.json").string() + "': no such file; expected a JSON file");
  std::filesystem::copy_file(config_file("olmoe-1b-7b"), folder / "config.json");
  EXPECT_EQ(load_model(folder.string()).name, "my-olmoe");
  EXPECT_EQ(load_model((folder / "config.json").string()).name, "my-olmoe");
  std::filesystem::remove_all(folder.parent_path());
}

TEST(HfConfig, NameComesFromTheCheckpointWhenItSaysOne) {
  EXPECT_EQ(with("mixtral-8x7b", {{"_name_or_path", "/models/acme/tuned-mixtral/"}}).name, "tuned-mixtral");
  EXPECT_EQ(with("mixtral-8x7b", {{"_name_or_path", "./"}}).name, "");
}

TEST(HfConfig, DenseLayersAreNotMoeLayers) {
  EXPECT_EQ(with("deepseek-v3", {{"moe_layer_freq", 2}}).grid.layers, 29U);
  EXPECT_EQ(with("qwen3-30b-a3b", {{"decoder_sparse_step", 2}}).grid.layers, 24U);
  EXPECT_EQ(with("qwen3-30b-a3b", {{"mlp_only_layers", {0, 1, 47, 47}}}).grid.layers, 45U);
  EXPECT_EQ(with("arctic", {{"moe_layer_frequency", 2}}).grid.layers, 17U);
  EXPECT_EQ(with("llama-4-maverick", {{"text_config", {{"moe_layers", {1, 3, 5}}}}}).grid.layers, 3U);
  EXPECT_EQ(with("jamba-v0.1", {{"expert_layer_period", 4}, {"expert_layer_offset", 3}}).grid.layers, 8U);
  EXPECT_EQ(with("switch-base-128", {{"num_sparse_encoder_layers", 0}}).grid.layers, 6U);
}

TEST(HfConfig, WindowsAreKeptWhereTheyAre) {
  const auto early = with("mixtral-8x7b", {{"sliding_window", 4096}});
  ASSERT_EQ(early.kv.size(), 1U);
  EXPECT_EQ(early.kv[0].kind, KvKind::sliding_window);
  EXPECT_EQ(early.kv[0].window_tokens, 4096U);
  const auto whole = with("phi-3.5-moe", nlohmann::json::object());
  EXPECT_EQ(whole.kv[0].kind, KvKind::grouped_query) << "a window as long as the context is none";
  const auto upper = with(
      "qwen3-30b-a3b", {{"use_sliding_window", true}, {"sliding_window", 1024}, {"max_window_layers", 40}});
  ASSERT_EQ(upper.kv.size(), 2U);
  EXPECT_EQ(upper.kv[1].layers, 8U);
  const auto chunked = with("llama-4-scout", nlohmann::json::object());
  ASSERT_EQ(chunked.kv.size(), 2U);
  EXPECT_EQ(chunked.kv[0].layers, 12U);
  EXPECT_EQ(chunked.kv[1].window_tokens, 8192U);
  const auto implied = with("gpt-oss-20b", {{"layer_types", nullptr}});
  EXPECT_EQ(implied.kv, with("gpt-oss-20b", nlohmann::json::object()).kv);
}

TEST(HfConfig, LightningAttentionKeepsAStateAndNoTokens) {
  const auto model = with("minimax-text-01", nlohmann::json::object());
  ASSERT_EQ(model.kv.size(), 2U);
  EXPECT_EQ(model.kv[0].layers, 10U);
  EXPECT_EQ(model.kv[1].kind, KvKind::none);
  EXPECT_EQ(model.recurrent_state_values, 70U * 64 * 128 * 128);
}

TEST(HfConfig, QuantizationOfTheExpertsIsRead) {
  const auto dtype = [](const nlohmann::json& quantization) {
    return with("mixtral-8x7b", {{"quantization_config", quantization}}).expert_dtype;
  };
  EXPECT_EQ(dtype({{"quant_method", "awq"}, {"bits", 4}}), Dtype::int4);
  EXPECT_EQ(dtype({{"quant_method", "gptq"}, {"bits", 8}}), Dtype::int8);
  EXPECT_EQ(dtype({{"quant_method", "bitsandbytes"}, {"load_in_4bit", true}}), Dtype::int4);
  const auto weights = [](const char* type) {
    return nlohmann::json{{"quant_method", "compressed-tensors"},
                          {"config_groups", {{"group_0", {{"weights", {{"num_bits", 8}, {"type", type}}}}}}}};
  };
  EXPECT_EQ(dtype(weights("float")), Dtype::fp8);
  EXPECT_EQ(dtype(weights("int")), Dtype::int8);
  EXPECT_EQ(with("mixtral-8x7b", {{"torch_dtype", nullptr}, {"dtype", "torch.float16"}}).dtype, Dtype::fp16);
}

TEST(HfConfig, AnUnknownArchitectureIsToldWhatWasLookedFor) {
  const auto said = refusal_of([] {
    return parse_hf_config(R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama"})",
                           "config.json");
  });
  EXPECT_THAT(
      said,
      HasSubstr("'config.json': field architectures is \"LlamaForCausalLM\", an architecture that is not "
                "known; looked for one of MixtralForCausalLM, "));
  EXPECT_THAT(said, HasSubstr("num_local_experts | num_experts | n_routed_experts"));
  EXPECT_THAT(refusal_of([] { return parse_hf_config("{}", "c.json"); }),
              HasSubstr("field model_type is \"absent\""));
}

TEST(HfConfig, ModelTypeServesWhereArchitecturesAreAbsent) {
  EXPECT_EQ(with("mixtral-8x7b", {{"architectures", nullptr}}).grid.experts, 8U);
}

TEST(HfConfig, OfDuplicateKeysTheLastCounts) {
  const auto text = text_of(config_file("mixtral-8x7b"));
  const auto twice = text.substr(0, text.rfind('}')) + R"(, "num_local_experts": 16})";
  EXPECT_EQ(parse_hf_config(twice, "config.json").grid.experts, 16U);
}

TEST(HfConfig, AbsurdNumbersAreRefusedWithFieldValueAndExpectation) {
  const auto cases = nlohmann::json::parse(text_of(data_folder() / "refused_configs.json"));
  EXPECT_GE(cases.size(), 40U);
  for (const auto& item : cases) {
    SCOPED_TRACE(item.at("promise"));
    EXPECT_EQ(refusal_of([&] { return with(item.at("base"), item.at("set")); }), item.at("says"));
  }
}

TEST(HfConfig, TextThatIsNoJsonObjectIsRefused) {
  const auto said = [](std::string_view text) {
    return refusal_of([&] { return parse_hf_config(text, "config.json"); });
  };
  EXPECT_EQ(said(""), "'config.json': not valid JSON at line 1, column 1; expected a JSON object");
  EXPECT_EQ(said("{\n  \"a\": 1,\n  \"b\" 2}"),
            "'config.json': not valid JSON at line 3, column 7; expected a JSON object");
  EXPECT_EQ(said("[1, 2]"), "'config.json': is a JSON array; expected an object");
  EXPECT_EQ(said("null"), "'config.json': is a JSON null; expected an object");
  EXPECT_THAT(said("{\"a\": \"\xff\"}"), HasSubstr("not valid JSON at line 1, column 8"));
  EXPECT_THAT(said("{\"a\": 1e999}"), HasSubstr("expected a JSON object"));
  EXPECT_EQ(said(std::string(1U << 20, '[')),
            "'config.json': nested deeper than 64 levels; expected a flat object");
  std::string many = "{\"a\": [0";
  for (int i = 0; i < 200000; ++i) many += ",0";
  EXPECT_EQ(said(many + "]}"), "'config.json': more than 131072 values; expected a small object");
  EXPECT_EQ(said(std::string((16U << 20) + 1, ' ')),
            "'config.json': 16777217 bytes; expected at most 16777216");
}

TEST(HfConfig, DamagedBytesAreReadOrRefusedAndNothingElse) {
  const auto seed = test::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  std::vector<std::string> texts;
  for (const auto& row : test::read_csv(data_folder() / "expected_configs.csv")) {
    texts.push_back(text_of(config_file(row.at("config"))));
  }
  for (int round = 0; round < 20000; ++round) {
    auto text = texts[random.below(texts.size())];
    const auto edits = 1 + random.below(4);
    for (std::uint64_t i = 0; i < edits; ++i)
      text[random.below(text.size())] = "0123456789-.e\"{}[],: x\n"[random.below(23)];
    static_cast<void>(refusal_of([&] { return parse_hf_config(text, "config.json"); }));
  }
}

}  // namespace
}  // namespace prophet
