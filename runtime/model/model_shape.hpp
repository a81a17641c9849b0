#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/model/dtype.hpp"

namespace prophet {

/// How the layers with attention keep keys and values; each layer costs what it really costs.
enum class KvKind : std::uint8_t {
  grouped_query,   ///< K and V of `kv_heads` heads of `head_dim`
  latent,          ///< one latent of `kv_lora_rank` and one rotary key of `qk_rope_head_dim` (MLA)
  sliding_window,  ///< as grouped_query, but at most `window_tokens` tokens are kept
  none,            ///< a recurrent layer: a fixed state, nothing per token
};

/// The attention of a run of like layers.
struct KvLayers {
  KvKind kind = KvKind::grouped_query;
  std::uint32_t layers = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;
  std::uint32_t kv_lora_rank = 0;
  std::uint32_t qk_rope_head_dim = 0;
  std::uint32_t window_tokens = 0;
  friend bool operator==(const KvLayers&, const KvLayers&) = default;
};

/// The architecture of one MoE model, as far as memory and traffic depend on it. All counts are of parameters
/// or layers; bytes come from the functions in model_bytes.hpp.
///
/// Of an encoder-decoder (Switch) the layers of both stacks count, in that order; `kv` is the decoder's
/// self-attention, since cross-attention costs per token of the encoder's input and not per generated token.
struct ModelShape {
  std::string name;
  std::string source;        ///< where the numbers come from
  ExpertGrid grid;           ///< [MoE layers, routed experts of one layer]
  std::uint32_t top_k = 0;   ///< routed experts of one token in one layer
  std::uint32_t layers = 0;  ///< all transformer layers, dense ones included
  std::uint32_t hidden_size = 0;
  std::uint32_t heads = 0;               ///< query heads of a layer with attention
  std::uint32_t expert_width = 0;        ///< intermediate size of one routed expert
  std::uint32_t expert_matrices = 3;     ///< 3 when gated (gate, up, down), 2 when not
  std::uint32_t expert_bias_params = 0;  ///< biases of one routed expert, 0 for most models
  Dtype expert_dtype = Dtype::bf16;      ///< as the checkpoint ships the experts
  Dtype dtype = Dtype::bf16;             ///< of everything else
  std::uint64_t non_expert_params = 0;   ///< attention, norms, router, shared and dense layers, embeddings
  std::uint64_t lookup_params =
      0;  ///< the part of them of which a token reads one row: untied input embeddings
  std::uint64_t kv_projection_params = 0;    ///< the part of them that makes K and V of grouped heads
  std::uint64_t repeated_params = 0;         ///< the part of them that tensor parallelism does not divide
  std::uint64_t shared_expert_params = 0;    ///< the part of them that are shared experts, over all layers
  std::uint64_t recurrent_state_values = 0;  ///< of one sequence, over all layers without attention
  std::uint32_t context_tokens = 0;          ///< the longest context the model was made for
  std::uint32_t vocab_size = 0;              ///< logits of one token
  std::uint32_t query_values = 0;  ///< queries of one token in one layer; latent: as the kernel reads them,
                                   ///< on the latent and the rotary key of each head
  std::uint32_t ffn_width = 0;     ///< the widest feed-forward beside the routed experts, 0 without one
  std::vector<KvLayers> kv;        ///< at most one run of each kind
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

}  // namespace prophet
