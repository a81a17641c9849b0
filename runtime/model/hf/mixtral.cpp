#include "prophet/limits.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/layers.hpp"
#include "runtime/model/hf/parts.hpp"

/// Mixtral and those that are Mixtral but for a few parts.
namespace prophet::hf {
namespace {

void read_mixtral_like(const JsonFields& config, std::string_view width, Architecture& a) {
  read_sizes(config, a);
  read_heads(config, a);
  const auto experts = config.first_of({"num_local_experts", "num_experts"});
  read_experts(config, {experts, "num_experts_per_tok", width}, a);
  read_uniform_window(config, a);
}

}  // namespace

void read_mixtral(const JsonFields& config, Architecture& a) {
  read_mixtral_like(config, "intermediate_size", a);
}

void read_olmoe(const JsonFields& config, Architecture& a) {
  read_mixtral_like(config, "intermediate_size", a);
  read_attention_bias(config, a);
  a.qk_norm = QkNorm::all_heads;
}

void read_phi_moe(const JsonFields& config, Architecture& a) {
  read_mixtral_like(config, "intermediate_size", a);
  read_attention_bias(config, a);
  a.lm_head_bias = config.flag_or("lm_head_bias", false);
  a.norm_bias = true;
}

void read_arctic(const JsonFields& config, Architecture& a) {
  read_mixtral_like(config, "intermediate_size", a);
  const auto every = config.count_or("moe_layer_frequency", 1, a.layers, 2);
  const auto moe_layers =
      count_layers(a.layers, [&](std::uint32_t layer) { return (layer + 1) % every == 0; });
  set_moe_layers(config, "moe_layer_frequency", moe_layers, a);
  read_dense_width(config, "intermediate_size", a);
  const auto residual = config.first_of({"parallel_attn_mlp_res", "use_residual"});
  if (config.flag_or(residual, false)) {
    a.residual_width = a.hidden_size;
    a.norms_per_layer = 3;
  }
}

void read_grok1(const JsonFields& config, Architecture& a) {
  read_mixtral_like(config, "intermediate_size", a);
  a.tied_embeddings = config.flag_or("tie_word_embeddings", true);
  a.norms_per_layer = 4;
}

void read_grok2(const JsonFields& config, Architecture& a) {
  read_mixtral_like(config, config.first_of({"moe_intermediate_size", "intermediate_size"}), a);
  a.norms_per_layer = 4;
  if (config.flag_or("residual_moe", false)) {
    a.residual_width = config.count("intermediate_size", 1, limits::ffn_width_max);
  }
}

}  // namespace prophet::hf
