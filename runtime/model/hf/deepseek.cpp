#include <fmt/format.h>

#include "prophet/limits.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/layers.hpp"
#include "runtime/model/hf/parts.hpp"

/// DeepSeek and GLM-4 MoE: the first layers are dense, shared experts stand beside the routed ones.
namespace prophet::hf {
namespace {

void read_moe_layers(const JsonFields& config, Architecture& a) {
  const auto first = config.count_or("first_k_dense_replace", 0, a.layers, 0);
  const auto every = config.count_or("moe_layer_freq", 1, a.layers, 1);
  const auto moe_layers =
      count_layers(a.layers, [&](std::uint32_t layer) { return layer >= first && layer % every == 0; });
  set_moe_layers(config, "first_k_dense_replace", moe_layers, a);
  read_dense_width(config, "intermediate_size", a);
}

void read_shared_experts(const JsonFields& config, Architecture& a) {
  constexpr std::string_view field = "n_shared_experts";
  const auto shared = config.count_or(field, 0, limits::experts_per_layer_max, 0);
  if (shared > limits::ffn_width_max / a.expert_width) {
    config.refuse(
        field, fmt::format("at most {} of width {}", limits::ffn_width_max / a.expert_width, a.expert_width));
  }
  a.shared_width = shared * a.expert_width;
}

void read_feed_forward(const JsonFields& config, Architecture& a) {
  const auto experts = config.first_of({"n_routed_experts", "num_experts"});
  read_experts(config, {experts, "num_experts_per_tok", "moe_intermediate_size"}, a);
  read_moe_layers(config, a);
  read_shared_experts(config, a);
}

void read_latent_heads(const JsonFields& config, Architecture& a) {
  a.heads = config.count("num_attention_heads", 1, limits::heads_max);
  a.kv_heads = a.heads;
  a.q_lora_rank = config.count_or("q_lora_rank", 1, limits::lora_rank_max, 0);
  a.kv_lora_rank = config.count("kv_lora_rank", 1, limits::lora_rank_max);
  a.qk_rope_head_dim = config.count("qk_rope_head_dim", 1, limits::head_dim_max);
  a.qk_nope_head_dim = config.count("qk_nope_head_dim", 1, limits::head_dim_max);
  a.v_head_dim = config.count("v_head_dim", 1, limits::head_dim_max);
}

}  // namespace

void read_deepseek(const JsonFields& config, Architecture& a) {
  read_sizes(config, a);
  read_heads(config, a);
  read_feed_forward(config, a);
  read_attention_bias(config, a);
}

void read_deepseek_v2(const JsonFields& config, Architecture& a) {
  read_sizes(config, a);
  read_latent_heads(config, a);
  read_feed_forward(config, a);
  read_attention_bias(config, a);
}

void read_deepseek_v3(const JsonFields& config, Architecture& a) {
  read_deepseek_v2(config, a);
  a.router_bias = config.text_or("topk_method", "noaux_tc") == "noaux_tc";
}

void read_glm4_moe(const JsonFields& config, Architecture& a) {
  read_sizes(config, a);
  read_heads(config, a);
  read_feed_forward(config, a);
  a.qkv_bias = config.flag_or("attention_bias", false);
  a.qk_norm = config.flag_or("use_qk_norm", false) ? QkNorm::per_head : QkNorm::none;
  a.router_bias = true;
}

}  // namespace prophet::hf
