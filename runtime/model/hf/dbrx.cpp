#include "prophet/limits.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/parts.hpp"

namespace prophet::hf {

void read_dbrx(const JsonFields& config, Architecture& a) {
  a.layers = config.count("n_layers", 1, limits::layers_max);
  a.hidden_size = config.count("d_model", 1, limits::hidden_size_max);
  a.vocab_size = config.count("vocab_size", 1, limits::vocab_size_max);
  a.context_tokens = config.count("max_seq_len", 1, limits::context_tokens_max);
  a.tied_embeddings = config.flag_or("tie_word_embeddings", false);
  a.moe_layers = a.layers;
  a.heads = config.count("n_heads", 1, limits::heads_max);
  a.head_dim = default_head_dim(config, "n_heads", a);
  const auto attention = config.child("attn_config");
  a.kv_heads = attention.count_or("kv_n_heads", 1, limits::heads_max, a.heads);
  if (a.heads % a.kv_heads != 0) attention.refuse("kv_n_heads", "a divisor of n_heads");
  read_experts(config.child("ffn_config"), {"moe_num_experts", "moe_top_k", "ffn_hidden_size"}, a);
}

}  // namespace prophet::hf
