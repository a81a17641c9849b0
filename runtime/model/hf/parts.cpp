#include "runtime/model/hf/parts.hpp"

#include <fmt/format.h>

#include "prophet/limits.hpp"

namespace prophet::hf {

void read_sizes(const JsonFields& config, Architecture& a) {
  a.layers = config.count("num_hidden_layers", 1, limits::layers_max);
  a.hidden_size = config.count("hidden_size", 1, limits::hidden_size_max);
  a.vocab_size = config.count("vocab_size", 1, limits::vocab_size_max);
  a.context_tokens = config.count("max_position_embeddings", 1, limits::context_tokens_max);
  a.tied_embeddings = config.flag_or("tie_word_embeddings", false);
  a.moe_layers = a.layers;
}

std::uint32_t default_head_dim(const JsonFields& config, std::string_view heads, const Architecture& a) {
  if (a.hidden_size % a.heads != 0) {
    config.refuse(heads, fmt::format("a divisor of the hidden size {}, or a head_dim", a.hidden_size));
  }
  return a.hidden_size / a.heads;
}

void check_heads(const JsonFields& config, std::string_view heads, std::string_view kv_heads,
                 const Architecture& a) {
  if (a.heads % a.kv_heads == 0) return;
  config.refuse(config.has(kv_heads) ? kv_heads : heads, fmt::format("a divisor of {} {}", heads, a.heads));
}

void read_heads(const JsonFields& config, Architecture& a) {
  constexpr std::string_view heads = "num_attention_heads";
  constexpr std::string_view kv_heads = "num_key_value_heads";
  a.heads = config.count(heads, 1, limits::heads_max);
  a.kv_heads = config.count_or(kv_heads, 1, limits::heads_max, a.heads);
  check_heads(config, heads, kv_heads, a);
  a.head_dim = config.has("head_dim") ? config.count("head_dim", 1, limits::head_dim_max)
                                      : default_head_dim(config, heads, a);
}

void read_experts(const JsonFields& config, const ExpertFields& fields, Architecture& a) {
  a.experts = config.count(fields.experts, 1, limits::experts_per_layer_max);
  a.top_k = config.count(fields.top_k, 1, limits::top_k_max);
  if (a.top_k > a.experts) {
    config.refuse(fields.top_k, fmt::format("at most {}, the value of {}", a.experts, fields.experts));
  }
  a.expert_width = config.count(fields.width, 1, limits::ffn_width_max);
}

void read_dense_width(const JsonFields& config, std::string_view field, Architecture& a) {
  if (a.moe_layers < a.layers) a.dense_width = config.count(field, 1, limits::ffn_width_max);
}

void read_attention_bias(const JsonFields& config, Architecture& a) {
  a.qkv_bias = config.flag_or("attention_bias", false);
  a.output_bias = a.qkv_bias;
}

}  // namespace prophet::hf
