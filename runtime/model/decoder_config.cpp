#include "runtime/model/decoder_config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/hf/decoder_fields.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/parts.hpp"
#include "runtime/model/json_events.hpp"
#include "runtime/model/json_fields.hpp"
#include "runtime/model/json_text.hpp"

namespace prophet {
namespace {

/// Defaults are those of transformers' configuration classes.
struct Row {
  std::string_view architecture;
  std::string_view model_type;
  DecoderFamily family;
  void (*read)(const JsonFields&, Architecture&);
  double norm_epsilon;
  double rope_theta;
};

constexpr std::array rows{
    Row{"OlmoeForCausalLM", "olmoe", DecoderFamily::olmoe, hf::read_olmoe, 1e-5, 1e4},
    Row{"Qwen2MoeForCausalLM", "qwen2_moe", DecoderFamily::qwen2_moe, hf::read_qwen2_moe, 1e-6, 1e4},
    Row{"Qwen3MoeForCausalLM", "qwen3_moe", DecoderFamily::qwen3_moe, hf::read_qwen3_moe, 1e-6, 1e4},
    Row{"MixtralForCausalLM", "mixtral", DecoderFamily::mixtral, hf::read_mixtral, 1e-5, 1e6},
};

[[noreturn]] void refuse_family(const JsonFields& config, std::string_view said) {
  std::vector<std::string_view> known;
  for (const auto& row : rows) known.push_back(row.architecture);
  throw Error(
      ErrorCode::bad_input,
      fmt::format("'{}': the architecture is {}, which Prophet cannot run; expected one of {}",
                  config.where(), said.empty() ? "not said" : quoted_name(said), fmt::join(known, ", ")));
}

const Row& row_of(const JsonFields& config) {
  const auto architectures =
      config.has("architectures") ? config.texts("architectures") : std::vector<std::string>{};
  const auto type = config.text_or("model_type", "");
  for (const auto& row : rows) {
    const auto named =
        std::find(architectures.begin(), architectures.end(), row.architecture) != architectures.end();
    if (named || (architectures.empty() && type == row.model_type)) return row;
  }
  refuse_family(config, architectures.empty() ? std::string_view(type) : architectures.front());
}

void check_is_whole(const JsonFields& config) {
  if (config.has("quantization_config")) {
    config.refuse("quantization_config", "none: quantised checkpoints are not read yet");
  }
  if (config.has("clip_qkv")) config.refuse("clip_qkv", "null: queries, keys and values are not clipped");
}

HiddenActivation read_activation(const JsonFields& config) {
  const auto name = config.text_or("hidden_act", "silu");
  if (name == "silu") return HiddenActivation::silu;
  if (name == "gelu") return HiddenActivation::gelu_erf;
  if (name == "gelu_pytorch_tanh") return HiddenActivation::gelu_tanh;
  config.refuse("hidden_act", "silu, gelu or gelu_pytorch_tanh");
}

std::vector<DecoderLayer> layers_of(const JsonFields& config, DecoderFamily family, const Architecture& a) {
  const auto moe = family == DecoderFamily::qwen2_moe || family == DecoderFamily::qwen3_moe
                       ? hf::qwen_moe_layers(config, a)
                       : std::vector<bool>(a.layers, true);
  const auto windows = hf::decoder_windows(config, family, a);
  std::vector<DecoderLayer> layers(a.layers);
  std::uint32_t moe_layers = 0;
  for (std::uint32_t layer = 0; layer < a.layers; ++layer) {
    if (moe[layer]) layers[layer].moe_layer = moe_layers++;
    layers[layer].window_tokens = windows[layer];
  }
  return layers;
}

ModelShape checked_shape(const Architecture& a, std::string_view where) {
  try {
    return shape_of(a);
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("'{}': {}", where, error.what()));
  }
}

}  // namespace

DecoderConfig parse_decoder_config(std::string_view json_text, std::string_view where) {
  const auto json = parse_json_object(json_text, where, limits::config_json_bytes_max);
  const JsonFields config(json, std::string(where));
  const auto& row = row_of(config);
  check_is_whole(config);
  DecoderConfig decoder;
  decoder.family = row.family;
  auto& a = decoder.architecture;
  a.source = std::string(where);
  row.read(config, a);
  hf::read_dtypes(config, config, a);
  decoder.layers = layers_of(config, row.family, a);
  decoder.shape = checked_shape(a, where);
  decoder.activation = read_activation(config);
  decoder.norm_epsilon = config.has("rms_norm_eps") ? config.number("rms_norm_eps", 0, 1) : row.norm_epsilon;
  decoder.rope_theta = hf::read_rope_theta(config, row.rope_theta);
  decoder.normalise_top_k = row.family == DecoderFamily::mixtral || config.flag_or("norm_topk_prob", false);
  const auto id_max = a.vocab_size - 1;
  if (config.has("bos_token_id")) decoder.bos_id = config.count("bos_token_id", 0, id_max);
  decoder.eos_ids = hf::read_ids(config, "eos_token_id", id_max);
  if (a.head_dim % 2 != 0)
    config.refuse(config.first_of({"head_dim", "num_attention_heads"}), "heads of an even size");
  return decoder;
}

DecoderConfig load_decoder_config(const std::filesystem::path& folder) {
  const auto file = folder / "config.json";
  return parse_decoder_config(read_text_file(file, limits::config_json_bytes_max), file.string());
}

}  // namespace prophet
