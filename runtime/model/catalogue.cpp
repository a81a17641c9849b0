#include "runtime/model/catalogue.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "prophet/limits.hpp"
#include "runtime/model/architecture.hpp"
#include "runtime/model/embedded_data.hpp"
#include "runtime/model/json_fields.hpp"
#include "runtime/model/json_text.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/names.hpp"

namespace prophet {
namespace {

struct CountField {
  const char* name;
  std::uint32_t Architecture::*member;
  std::uint32_t max;
};

constexpr std::array count_fields{
    CountField{"layers", &Architecture::layers, limits::layers_max},
    CountField{"hidden_size", &Architecture::hidden_size, limits::hidden_size_max},
    CountField{"vocab_size", &Architecture::vocab_size, limits::vocab_size_max},
    CountField{"context_tokens", &Architecture::context_tokens, limits::context_tokens_max},
    CountField{"moe_layers", &Architecture::moe_layers, limits::layers_max},
    CountField{"experts", &Architecture::experts, limits::experts_per_layer_max},
    CountField{"top_k", &Architecture::top_k, limits::top_k_max},
    CountField{"expert_width", &Architecture::expert_width, limits::ffn_width_max},
    CountField{"expert_matrices", &Architecture::expert_matrices, 3},
    CountField{"dense_width", &Architecture::dense_width, limits::ffn_width_max},
    CountField{"shared_width", &Architecture::shared_width, limits::ffn_width_max},
    CountField{"residual_width", &Architecture::residual_width, limits::ffn_width_max},
    CountField{"heads", &Architecture::heads, limits::heads_max},
    CountField{"kv_heads", &Architecture::kv_heads, limits::heads_max},
    CountField{"head_dim", &Architecture::head_dim, limits::head_dim_max},
    CountField{"q_lora_rank", &Architecture::q_lora_rank, limits::lora_rank_max},
    CountField{"kv_lora_rank", &Architecture::kv_lora_rank, limits::lora_rank_max},
    CountField{"qk_rope_head_dim", &Architecture::qk_rope_head_dim, limits::head_dim_max},
    CountField{"qk_nope_head_dim", &Architecture::qk_nope_head_dim, limits::head_dim_max},
    CountField{"v_head_dim", &Architecture::v_head_dim, limits::head_dim_max},
    CountField{"window_layers", &Architecture::window_layers, limits::layers_max},
    CountField{"window_tokens", &Architecture::window_tokens, limits::context_tokens_max},
    CountField{"recurrent_layers", &Architecture::recurrent_layers, limits::layers_max},
    CountField{"mamba_d_state", &Architecture::mamba_d_state, limits::head_dim_max},
    CountField{"mamba_d_conv", &Architecture::mamba_d_conv, limits::head_dim_max},
    CountField{"mamba_expand", &Architecture::mamba_expand, limits::head_dim_max},
    CountField{"mamba_dt_rank", &Architecture::mamba_dt_rank, limits::lora_rank_max},
    CountField{"norms_per_layer", &Architecture::norms_per_layer, 8},
    CountField{"decoder_layers", &Architecture::decoder_layers, limits::layers_max},
    CountField{"relative_buckets", &Architecture::relative_buckets, limits::head_dim_max},
};

struct FlagField {
  const char* name;
  bool Architecture::*member;
};

constexpr std::array flag_fields{
    FlagField{"tied_embeddings", &Architecture::tied_embeddings},
    FlagField{"expert_biases", &Architecture::expert_biases},
    FlagField{"shared_gate", &Architecture::shared_gate},
    FlagField{"router_bias", &Architecture::router_bias},
    FlagField{"qkv_bias", &Architecture::qkv_bias},
    FlagField{"output_bias", &Architecture::output_bias},
    FlagField{"attention_sinks", &Architecture::attention_sinks},
    FlagField{"norm_bias", &Architecture::norm_bias},
    FlagField{"lm_head_bias", &Architecture::lm_head_bias},
};

QkNorm qk_norm_of(const JsonFields& entry) {
  const auto name = entry.text_or("qk_norm", "none");
  if (name == "none") return QkNorm::none;
  if (name == "per_head") return QkNorm::per_head;
  if (name == "all_heads") return QkNorm::all_heads;
  entry.refuse("qk_norm", "none, per_head or all_heads");
}

Recurrence recurrence_of(const JsonFields& entry) {
  const auto name = entry.text_or("recurrence", "none");
  if (name == "none") return Recurrence::none;
  if (name == "mamba") return Recurrence::mamba;
  if (name == "lightning") return Recurrence::lightning;
  entry.refuse("recurrence", "none, mamba or lightning");
}

Architecture architecture_of(const JsonFields& entry) {
  Architecture a;
  a.name = entry.text("name");
  a.source = entry.text("source");
  a.expert_dtype = parse_dtype(entry.text_or("expert_dtype", "bf16"));
  a.dtype = parse_dtype(entry.text_or("dtype", "bf16"));
  for (const auto& field : count_fields)
    a.*field.member = entry.count_or(field.name, 0, field.max, a.*field.member);
  for (const auto& field : flag_fields) a.*field.member = entry.flag_or(field.name, false);
  a.qk_norm = qk_norm_of(entry);
  a.recurrence = recurrence_of(entry);
  return a;
}

struct Entry {
  ModelShape shape;
  std::vector<std::string> aliases;
};

std::vector<Entry> read_catalogue() {
  const auto& file = embedded_model_data().front();
  const auto json = parse_json_object(file.contents, "catalogue.json", limits::config_json_bytes_max);
  std::vector<Entry> entries;
  for (const auto& fields : JsonFields(json, "catalogue.json").children("models")) {
    Entry entry{shape_of(architecture_of(fields)), {}};
    if (fields.has("aliases")) entry.aliases = fields.texts("aliases");
    entries.push_back(std::move(entry));
  }
  return entries;
}

const std::vector<Entry>& catalogue() {
  static const std::vector<Entry> entries = read_catalogue();
  return entries;
}

}  // namespace

std::vector<std::string> catalogue_names() {
  std::vector<std::string> names;
  for (const auto& entry : catalogue()) names.push_back(entry.shape.name);
  return names;
}

std::optional<ModelShape> find_in_catalogue(std::string_view name) {
  const auto wanted = lower_case(name);
  for (const auto& entry : catalogue()) {
    const bool aliased = std::find(entry.aliases.begin(), entry.aliases.end(), wanted) != entry.aliases.end();
    if (entry.shape.name == wanted || aliased) return entry.shape;
  }
  return std::nullopt;
}

}  // namespace prophet
