#include "runtime/model/decoder_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "runtime/base/random.hpp"
#include "runtime/model/decoder_tensors.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"
#include "tests/model/test_data.hpp"

namespace prophet {
namespace {

using test::data_folder;
using test::refusal_of;
using test::text_of;
using testing::ElementsAre;
using testing::IsEmpty;

/// What transformers saved of one tiny model: its config and its tensors.
nlohmann::json saved(const std::string& family) {
  return nlohmann::json::parse(text_of(data_folder() / "decoders" / (family + ".json")));
}

DecoderConfig with(const std::string& family, const nlohmann::json& patch) {
  auto config = saved(family).at("config");
  config.merge_patch(patch);
  return parse_decoder_config(config.dump(), "config.json");
}

DecoderConfig of(const std::string& family) {
  return with(family, nlohmann::json::object());
}

using Shapes = std::map<std::string, std::vector<std::uint64_t>>;

Shapes shapes_of(const DecoderConfig& config) {
  Shapes shapes;
  for (const auto& needed : requirements(tensor_names(config), {})) {
    EXPECT_TRUE(shapes.emplace(needed.name, needed.shape).second) << needed.name;
  }
  return shapes;
}

TEST(DecoderConfig, NeedsExactlyTheTensorsThatTransformersSaves) {
  for (const std::string family : {"olmoe", "qwen2_moe", "qwen3_moe", "mixtral"}) {
    SCOPED_TRACE(family);
    EXPECT_EQ(shapes_of(of(family)), saved(family).at("tensors").get<Shapes>());
  }
}

TEST(DecoderConfig, OfPublishedModelsNeedsAsManyParametersAsTheyHave) {
  for (const std::string name :
       {"olmoe-1b-7b", "qwen1.5-moe-a2.7b", "qwen2-57b-a14b", "qwen3-30b-a3b", "mixtral-8x7b"}) {
    SCOPED_TRACE(name);
    const auto config =
        parse_decoder_config(text_of(data_folder() / "configs" / (name + ".json")), "config.json");
    std::uint64_t params = 0;
    for (const auto& [tensor, shape] : shapes_of(config)) {
      std::uint64_t elements = 1;
      for (const auto dimension : shape) elements *= dimension;
      params += elements;
    }
    EXPECT_EQ(params, total_params(config.shape));
  }
}

TEST(DecoderConfig, SizesAreThoseOfTheModelsShape) {
  for (const std::string family : {"olmoe", "qwen2_moe", "qwen3_moe", "mixtral"}) {
    SCOPED_TRACE(family);
    EXPECT_EQ(of(family).shape, parse_hf_config(saved(family).at("config").dump(), "config.json"));
  }
}

TEST(DecoderConfig, FamiliesDifferInWhatTransformersSaysOfThem) {
  const auto olmoe = of("olmoe");
  EXPECT_EQ(olmoe.family, DecoderFamily::olmoe);
  EXPECT_DOUBLE_EQ(olmoe.norm_epsilon, 1e-5);
  EXPECT_DOUBLE_EQ(olmoe.rope_theta, 10000);
  EXPECT_FALSE(olmoe.normalise_top_k);
  EXPECT_FALSE(olmoe.bos_id);
  EXPECT_THAT(olmoe.eos_ids, ElementsAre(7));
  EXPECT_EQ(olmoe.architecture.qk_norm, QkNorm::all_heads);
  const auto qwen2 = of("qwen2_moe");
  EXPECT_DOUBLE_EQ(qwen2.norm_epsilon, 1e-6);
  EXPECT_TRUE(qwen2.architecture.qkv_bias);
  EXPECT_FALSE(qwen2.architecture.output_bias);
  EXPECT_EQ(qwen2.bos_id, 6U);
  EXPECT_THAT(qwen2.eos_ids, ElementsAre(7, 8));
  const auto qwen3 = of("qwen3_moe");
  EXPECT_TRUE(qwen3.normalise_top_k);
  EXPECT_TRUE(qwen3.architecture.tied_embeddings);
  EXPECT_TRUE(qwen3.architecture.output_bias);
  EXPECT_DOUBLE_EQ(qwen3.rope_theta, 1e6);
  EXPECT_THAT(qwen3.eos_ids, IsEmpty());
  const auto mixtral = of("mixtral");
  EXPECT_TRUE(mixtral.normalise_top_k) << "always, whatever no field says";
  EXPECT_EQ(mixtral.bos_id, 1U);
}

TEST(DecoderConfig, AbsentFieldsHaveTheFamilysDefaults) {
  const nlohmann::json nothing{{"rms_norm_eps", nullptr},
                               {"rope_parameters", nullptr},
                               {"hidden_act", nullptr},
                               {"norm_topk_prob", nullptr},
                               {"eos_token_id", nullptr}};
  EXPECT_DOUBLE_EQ(with("olmoe", nothing).norm_epsilon, 1e-5);
  EXPECT_DOUBLE_EQ(with("qwen3_moe", nothing).norm_epsilon, 1e-6);
  EXPECT_DOUBLE_EQ(with("qwen2_moe", nothing).rope_theta, 1e4);
  EXPECT_DOUBLE_EQ(with("mixtral", nothing).rope_theta, 1e6);
  EXPECT_EQ(with("mixtral", nothing).activation, HiddenActivation::silu);
  EXPECT_FALSE(with("qwen3_moe", nothing).normalise_top_k);
}

TEST(DecoderConfig, RotaryBaseStandsWhereTransformersPutsIt) {
  EXPECT_DOUBLE_EQ(with("olmoe", {{"rope_parameters", nullptr}, {"rope_theta", 500}}).rope_theta, 500);
  EXPECT_DOUBLE_EQ(
      with("olmoe", {{"rope_parameters", {{"rope_theta", 600}}}, {"rope_theta", 500}}).rope_theta, 600);
  EXPECT_DOUBLE_EQ(
      with("olmoe", {{"rope_parameters", {{"rope_theta", nullptr}}}, {"rope_theta", 500}}).rope_theta, 500);
  const nlohmann::json plain{
      {"rope_parameters", nullptr}, {"rope_scaling", {{"type", "default"}}}, {"rope_theta", 7}};
  EXPECT_DOUBLE_EQ(with("mixtral", plain).rope_theta, 7);
}

TEST(DecoderConfig, ActivationsAreHuggingFacesNames) {
  EXPECT_EQ(with("olmoe", {{"hidden_act", "gelu"}}).activation, HiddenActivation::gelu_erf);
  EXPECT_EQ(with("olmoe", {{"hidden_act", "gelu_pytorch_tanh"}}).activation, HiddenActivation::gelu_tanh);
}

std::string moe_layers(const DecoderConfig& config) {
  std::string text;
  for (const auto& layer : config.layers) text += layer.moe_layer ? std::to_string(*layer.moe_layer) : "-";
  return text;
}

std::string windows(const DecoderConfig& config) {
  std::string text;
  for (const auto& layer : config.layers) text += std::to_string(layer.window_tokens) + " ";
  return text;
}

TEST(DecoderConfig, LayersSayWhetherTheyHaveExperts) {
  EXPECT_EQ(moe_layers(of("olmoe")), "01");
  EXPECT_EQ(moe_layers(of("qwen2_moe")), "0-1");
  EXPECT_EQ(moe_layers(of("qwen3_moe")), "-0");
  const auto tensors = tensor_names(of("qwen3_moe"));
  EXPECT_TRUE(tensors.layers[0].dense);
  EXPECT_FALSE(tensors.layers[1].dense);
  EXPECT_EQ(tensors.layers[1].experts.size(), 3U);
}

TEST(DecoderConfig, LayersSayHowFarTheySee) {
  EXPECT_EQ(windows(of("mixtral")), "32 32 ");
  EXPECT_EQ(windows(with("mixtral", {{"sliding_window", 64}})), "0 0 ") << "as long as the context";
  EXPECT_EQ(windows(of("qwen2_moe")), "0 0 0 ");
  const nlohmann::json typed{{"layer_types", {"full_attention", "sliding_attention", "full_attention"}},
                             {"use_sliding_window", true},
                             {"sliding_window", 16}};
  EXPECT_EQ(windows(with("qwen2_moe", typed)), "0 16 0 ");
}

TEST(DecoderConfig, ModelTypeServesWhereArchitecturesAreAbsent) {
  EXPECT_EQ(with("qwen3_moe", {{"architectures", nullptr}}).family, DecoderFamily::qwen3_moe);
}

TEST(DecoderConfig, OfAFolderIsItsConfig) {
  EXPECT_THAT(refusal_of([] { return load_decoder_config("/nowhere").family; }),
              "'/nowhere/config.json': no such file; expected a JSON file");
}

TEST(DecoderConfig, WhatCannotBeRunIsRefusedWithFieldValueAndExpectation) {
  const auto cases = nlohmann::json::parse(text_of(data_folder() / "refused_decoders.json"));
  for (const auto& item : cases) {
    SCOPED_TRACE(item.at("promise"));
    EXPECT_EQ(refusal_of([&] { return with(item.at("base"), item.at("set")); }), item.at("says"));
  }
}

TEST(DecoderConfig, MoreTensorsThanTheLimitAreRefusedBeforeTheyAreNamed) {
  const auto huge = with("olmoe", {{"num_hidden_layers", 1000}, {"num_experts", 4000}});
  EXPECT_EQ(
      refusal_of([&] { return tensor_names(huge); }),
      "'config.json': 1000 layers of 4000 experts have some 12017003 tensors; expected at most 1048576");
}

TEST(DecoderConfig, DamagedBytesAreReadOrRefusedAndNothingElse) {
  const auto seed = test::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  std::vector<std::string> texts;
  for (const std::string family : {"olmoe", "qwen2_moe", "qwen3_moe", "mixtral"}) {
    texts.push_back(saved(family).at("config").dump());
  }
  for (int round = 0; round < 5000; ++round) {
    auto text = texts[random.below(texts.size())];
    for (auto edits = 1 + random.below(3); edits > 0; --edits) {
      text[random.below(text.size())] = "0123456789-.e\"{}[],: x\n"[random.below(23)];
    }
    static_cast<void>(refusal_of([&] { return tensor_names(parse_decoder_config(text, "config.json")); }));
  }
}

}  // namespace
}  // namespace prophet
