#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/model/architecture.hpp"

namespace prophet {

/// The families whose forward pass Prophet knows. All are pre-norm decoders with RMS norms, rotary embeddings
/// on the two halves of a head, and grouped-query attention scaled by 1 / sqrt(head_dim).
enum class DecoderFamily : std::uint8_t { olmoe, qwen2_moe, qwen3_moe, mixtral };

/// What stands between gate and up in each gated feed-forward: f(gate) * up.
enum class HiddenActivation : std::uint8_t {
  silu,
  gelu_erf,   ///< Hugging Face's "gelu"
  gelu_tanh,  ///< "gelu_pytorch_tanh"
};

struct DecoderLayer {
  std::optional<std::uint32_t> moe_layer;  ///< of ModelShape::grid; none: a dense feed-forward
  std::uint32_t window_tokens = 0;         ///< 0: attention to the whole context
};

/// What running a model needs of its config.json beside the sizes. Of `architecture` these hold here: biases
/// (qkv_bias, output_bias), qk_norm, shared_width and shared_gate, dense_width, tied_embeddings.
struct DecoderConfig {
  DecoderFamily family = DecoderFamily::olmoe;
  Architecture architecture;
  ModelShape shape;
  std::vector<DecoderLayer> layers;  ///< all, in their order
  HiddenActivation activation = HiddenActivation::silu;
  double norm_epsilon = 0;
  double rope_theta = 0;
  /// The chosen experts' weights, of a softmax over all experts, are divided by their sum.
  bool normalise_top_k = false;
  std::optional<std::uint32_t> bos_id;
  std::vector<std::uint32_t> eos_ids;  ///< each ends a text; may be empty
};

/// The config.json in `folder`. Throws Error{bad_input}: when it is absent; as parse_hf_config() does; for an
/// architecture beside the four; and for what the decoder would have to leave out: quantised weights, scaled
/// or partial rotary embeddings, clip_qkv, windows that transformers' versions place differently.
[[nodiscard]] DecoderConfig load_decoder_config(const std::filesystem::path& folder);

/// The same from the text of a config.json; `where` stands in error sentences.
[[nodiscard]] DecoderConfig parse_decoder_config(std::string_view json_text, std::string_view where);

}  // namespace prophet
