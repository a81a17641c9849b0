#include "prophet/limits.hpp"
#include "runtime/model/hf/families.hpp"
#include "runtime/model/hf/layers.hpp"
#include "runtime/model/hf/parts.hpp"

/// Switch Transformers: T5's encoder-decoder, with experts in every n-th layer of each stack.
namespace prophet::hf {
namespace {

constexpr std::uint32_t t5_context_tokens = 512;

struct Stack {
  std::string_view sparse_layers;
  std::string_view sparse_step;
};

std::uint32_t sparse_layers(const JsonFields& config, const Stack& stack, std::uint32_t layers) {
  std::uint32_t step = 0;
  if (config.has(stack.sparse_layers)) {
    const auto sparse = config.count(stack.sparse_layers, 0, layers);
    step = sparse > 0 ? layers / sparse : 0;
  } else {
    step = config.count(stack.sparse_step, 0, layers);
  }
  return count_layers(layers,
                      [&](std::uint32_t layer) { return step == 1 || (step > 1 && layer % step == 1); });
}

bool is_gated(const JsonFields& config) {
  const auto activation = config.text_or(config.first_of({"feed_forward_proj", "dense_act_fn"}), "relu");
  return config.flag_or("is_gated_act", activation.rfind("gated", 0) == 0);
}

}  // namespace

void read_switch(const JsonFields& config, Architecture& a) {
  const auto encoder_layers = config.count("num_layers", 1, limits::layers_max / 2);
  a.decoder_layers = config.count_or("num_decoder_layers", 1, limits::layers_max / 2, encoder_layers);
  a.layers = encoder_layers + a.decoder_layers;
  a.hidden_size = config.count("d_model", 1, limits::hidden_size_max);
  a.vocab_size = config.count("vocab_size", 1, limits::vocab_size_max);
  a.context_tokens = config.count_or("n_positions", 1, limits::context_tokens_max, t5_context_tokens);
  a.tied_embeddings = config.flag_or("tie_word_embeddings", true);
  a.heads = config.count("num_heads", 1, limits::heads_max);
  a.kv_heads = a.heads;
  a.head_dim = config.count("d_kv", 1, limits::head_dim_max);
  a.relative_buckets = config.count_or("relative_attention_num_buckets", 1, limits::head_dim_max, 32);
  a.experts = config.count("num_experts", 1, limits::experts_per_layer_max);
  a.top_k = 1;
  a.expert_width = config.count("d_ff", 1, limits::ffn_width_max);
  a.dense_width = a.expert_width;
  a.expert_matrices = is_gated(config) ? 3 : 2;
  a.router_bias = config.flag_or("router_bias", false);
  const auto sparse =
      sparse_layers(config, {"num_sparse_encoder_layers", "encoder_sparse_step"}, encoder_layers) +
      sparse_layers(config, {"num_sparse_decoder_layers", "decoder_sparse_step"}, a.decoder_layers);
  set_moe_layers(config, config.first_of({"num_sparse_decoder_layers", "decoder_sparse_step"}), sparse, a);
}

}  // namespace prophet::hf
