#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/parts.hpp"
#include "runtime/model/json_text.hpp"
#include "runtime/model/load_model.hpp"

namespace prophet {
namespace {

constexpr std::size_t name_characters_max = 128;

struct Family {
  std::string_view architecture;
  std::string_view model_type;  ///< empty where another row's serves, or where it does not tell the family
  void (*read)(const JsonFields&, Architecture&);
};

constexpr std::array families{
    Family{"MixtralForCausalLM", "mixtral", hf::read_mixtral},
    Family{"Qwen2MoeForCausalLM", "qwen2_moe", hf::read_qwen2_moe},
    Family{"Qwen3MoeForCausalLM", "qwen3_moe", hf::read_qwen3_moe},
    Family{"DeepseekForCausalLM", "deepseek", hf::read_deepseek},
    Family{"DeepseekV2ForCausalLM", "deepseek_v2", hf::read_deepseek_v2},
    Family{"DeepseekV3ForCausalLM", "deepseek_v3", hf::read_deepseek_v3},
    Family{"OlmoeForCausalLM", "olmoe", hf::read_olmoe},
    Family{"GptOssForCausalLM", "gpt_oss", hf::read_gpt_oss},
    Family{"PhimoeForCausalLM", "phimoe", hf::read_phi_moe},
    Family{"PhiMoEForCausalLM", "", hf::read_phi_moe},
    Family{"Glm4MoeForCausalLM", "glm4_moe", hf::read_glm4_moe},
    Family{"MiniMaxForCausalLM", "minimax", hf::read_minimax_text},
    Family{"MiniMaxText01ForCausalLM", "minimax_text_01", hf::read_minimax_text},
    Family{"MiniMaxM1ForCausalLM", "minimax_m1", hf::read_minimax_text},
    Family{"MiniMaxM2ForCausalLM", "minimax_m2", hf::read_minimax_m2},
    Family{"Llama4ForConditionalGeneration", "llama4", hf::read_llama4},
    Family{"Llama4ForCausalLM", "llama4_text", hf::read_llama4},
    Family{"DbrxForCausalLM", "dbrx", hf::read_dbrx},
    Family{"Grok1ModelForCausalLM", "grok-1", hf::read_grok1},
    Family{"Grok1ForCausalLM", "", hf::read_grok2},
    Family{"ArcticForCausalLM", "arctic", hf::read_arctic},
    Family{"JambaForCausalLM", "jamba", hf::read_jamba},
    Family{"SwitchTransformersForConditionalGeneration", "switch_transformers", hf::read_switch},
};

const Family* family_of_architecture(const JsonFields& config) {
  if (!config.has("architectures")) return nullptr;
  for (const auto& name : config.texts("architectures")) {
    for (const auto& family : families) {
      if (family.architecture == name) return &family;
    }
  }
  return nullptr;
}

const Family* family_of_model_type(const JsonFields& config) {
  const auto type = config.text_or("model_type", "");
  for (const auto& family : families) {
    if (!type.empty() && family.model_type == type) return &family;
  }
  return nullptr;
}

/// Sizes of an unknown family could be guessed from the names of its fields, but not what its formulas leave
/// out.
[[noreturn]] void refuse_family(const JsonFields& config) {
  std::vector<std::string_view> known;
  for (const auto& family : families) known.push_back(family.architecture);
  const auto field = config.has("architectures") ? "architectures" : "model_type";
  const auto names = config.has("architectures") ? config.texts("architectures") : std::vector<std::string>{};
  const auto said = names.empty() ? config.text_or("model_type", "absent") : names.front();
  throw Error(
      ErrorCode::bad_input,
      fmt::format(
          "'{}': field {} is {}, an architecture that is not known; looked for one of {} in "
          "architectures, or for its name in model_type, and then for the fields of its family such as "
          "num_hidden_layers, hidden_size, num_attention_heads, num_key_value_heads, vocab_size, "
          "max_position_embeddings, num_local_experts | num_experts | n_routed_experts, "
          "num_experts_per_tok, intermediate_size | moe_intermediate_size",
          config.where(), field,
          nlohmann::json(said.substr(0, name_characters_max))
              .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace),
          fmt::join(known, ", ")));
}

const Family& family_of(const JsonFields& config) {
  const auto* family = family_of_architecture(config);
  if (family == nullptr) family = family_of_model_type(config);
  if (family == nullptr) refuse_family(config);
  return *family;
}

/// The last part of _name_or_path; empty when the checkpoint does not say, or says a mere dot.
std::string name_in(const JsonFields& config) {
  auto path = config.text_or("_name_or_path", "");
  while (!path.empty() && path.back() == '/') path.pop_back();
  auto name = path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
  return name.size() > name_characters_max || name == "." || name == ".." ? std::string() : name;
}

}  // namespace

ModelShape parse_hf_config(std::string_view json_text, std::string_view where) {
  const auto json = parse_json_object(json_text, where, limits::config_json_bytes_max);
  const JsonFields top(json, std::string(where));
  const auto& family = family_of(top);
  const auto text = top.has("text_config") ? top.child("text_config") : top;
  Architecture a;
  a.name = name_in(top);
  a.source = std::string(where);
  family.read(text, a);
  hf::read_dtypes(top, text, a);
  try {
    return shape_of(a);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("'{}': {}", where, error.what()));
  }
}

}  // namespace prophet
