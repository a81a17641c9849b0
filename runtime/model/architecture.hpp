#pragma once

#include <cstdint>
#include <string>

#include "runtime/model/model_shape.hpp"

namespace prophet {

/// Which learned norms stand on queries and keys.
enum class QkNorm : std::uint8_t {
  none,
  per_head,   ///< one vector of head_dim each for Q and K, shared by the heads (Qwen3)
  all_heads,  ///< one vector over all heads each for Q and K (OLMoE)
};

/// What stands in the layers without attention.
enum class Recurrence : std::uint8_t { none, mamba, lightning };

/// What a catalogue entry or a config.json says of a model, before anything is computed from it. Everything
/// that counts parameters follows from these facts by the formula of count_non_expert_params().
struct Architecture {
  std::string name;
  std::string source;
  std::uint32_t layers = 0;
  std::uint32_t hidden_size = 0;
  std::uint32_t vocab_size = 0;
  std::uint32_t context_tokens = 0;
  bool tied_embeddings = false;
  Dtype expert_dtype = Dtype::bf16;
  Dtype dtype = Dtype::bf16;

  // feed-forward; the layers without experts are dense
  std::uint32_t moe_layers = 0;
  std::uint32_t experts = 0;
  std::uint32_t top_k = 0;
  std::uint32_t expert_width = 0;
  std::uint32_t expert_matrices = 3;  ///< of the dense layers too
  bool expert_biases = false;
  std::uint32_t dense_width = 0;
  std::uint32_t shared_width = 0;    ///< all shared experts of one MoE layer together
  bool shared_gate = false;          ///< the shared experts have a gate of hidden_size
  std::uint32_t residual_width = 0;  ///< a dense feed-forward beside the experts of each MoE layer
  bool router_bias = false;          ///< one number an expert, whether added to the logits or to the choice

  // attention: latent (MLA) when kv_lora_rank is not 0, else grouped-query
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  std::uint32_t q_lora_rank = 0;  ///< 0: queries are projected directly
  std::uint32_t kv_lora_rank = 0;
  std::uint32_t qk_rope_head_dim = 0;
  std::uint32_t qk_nope_head_dim = 0;
  std::uint32_t v_head_dim = 0;
  std::uint32_t window_layers = 0;
  std::uint32_t window_tokens = 0;
  bool qkv_bias = false;
  bool output_bias = false;
  bool attention_sinks = false;  ///< one number a head
  QkNorm qk_norm = QkNorm::none;

  // layers without attention
  Recurrence recurrence = Recurrence::none;
  std::uint32_t recurrent_layers = 0;
  std::uint32_t mamba_d_state = 0;
  std::uint32_t mamba_d_conv = 0;
  std::uint32_t mamba_expand = 0;
  std::uint32_t mamba_dt_rank = 0;

  // norms and head
  std::uint32_t norms_per_layer = 2;
  bool norm_bias = false;
  bool lm_head_bias = false;

  // encoder-decoder: so many of `layers` are the decoder's and have cross-attention with a norm of its own
  std::uint32_t decoder_layers = 0;
  std::uint32_t relative_buckets = 0;  ///< of the learned position bias of each stack, per head
};

/// Everything but the routed experts:
///   embeddings      vocab * hidden, twice unless tied; a head bias of vocab
/// + attention       hidden * heads * head_dim twice (Q, O), hidden * kv_heads * head_dim twice (K, V), or
/// for MLA
///                   hidden * q_rank + q_rank * heads * (nope + rope) + q_rank, (hidden * heads * (nope +
///                   rope) without q_rank), hidden * (kv_rank + rope) + kv_rank + kv_rank * heads * (nope +
///                   v), heads * v * hidden; with biases, sinks and Q/K norms as flagged; once a layer with
///                   attention, and once more a decoder layer
/// + recurrence      Mamba or lightning attention in the layers without attention
/// + dense layers    matrices * hidden * width
/// + each MoE layer  router hidden * experts (+ experts), shared experts and their gate, the residual
/// feed-forward
/// + norms           norms_per_layer * hidden a layer, one more a decoder layer, one at the end of each stack
/// Checked: throws Error{bad_input}.
[[nodiscard]] std::uint64_t count_non_expert_params(const Architecture& a);

/// The input embeddings where the output has a matrix of its own; tied ones are read whole by the output.
[[nodiscard]] std::uint64_t count_lookup_params(const Architecture& a);

/// The part of count_non_expert_params() that makes K and V of grouped heads: tensor parallelism divides it
/// by KV heads, of which every GPU has one at least.
[[nodiscard]] std::uint64_t count_kv_projection_params(const Architecture& a);

/// The part that tensor parallelism keeps whole on every GPU, as vLLM does
/// (vllm/model_executor/models/{mixtral,deepseek_v2,jamba}.py): norms, routers, gates of shared experts,
/// biases of what a sum over GPUs precedes, MLA's projections down to the latents.
[[nodiscard]] std::uint64_t count_repeated_params(const Architecture& a);

/// Shared experts of all MoE layers, without their gates.
[[nodiscard]] std::uint64_t count_shared_expert_params(const Architecture& a);

/// What the rest of Prophet sees of it. Throws Error{bad_input} when sizes do not fit or an expert is beyond
/// limits::expert_bytes_max.
[[nodiscard]] ModelShape shape_of(const Architecture& a);

}  // namespace prophet
