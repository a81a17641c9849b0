#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/model/checkpoint.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {

/// A tensor as a checkpoint of Hugging Face names it. Matrices are [rows, columns] row-major and multiply a
/// column: [outputs, inputs].
struct NamedTensor {
  std::string name;
  std::vector<std::uint64_t> shape;
};

/// A gated feed-forward of width w: gate and up [w, hidden], down [hidden, w].
struct FeedForwardTensors {
  NamedTensor gate;
  NamedTensor up;
  NamedTensor down;
};

/// With H heads and G key/value heads of size d: q [H d, hidden], k and v [G d, hidden], o [hidden, H d].
struct AttentionTensors {
  NamedTensor q;
  NamedTensor k;
  NamedTensor v;
  NamedTensor o;
  std::optional<NamedTensor> q_bias;  ///< [H d]; k and v have one when q has
  std::optional<NamedTensor> k_bias;  ///< [G d]
  std::optional<NamedTensor> v_bias;  ///< [G d]
  std::optional<NamedTensor> o_bias;  ///< [hidden]
  std::optional<NamedTensor> q_norm;  ///< [d] for each head, or [H d] over all: Architecture::qk_norm
  std::optional<NamedTensor> k_norm;  ///< [d] or [G d]
};

struct LayerTensors {
  NamedTensor input_norm;           ///< [hidden], before attention
  NamedTensor post_attention_norm;  ///< [hidden], before the feed-forward
  AttentionTensors attention;
  // an MoE layer
  std::optional<NamedTensor> router;  ///< [experts, hidden]
  std::vector<FeedForwardTensors> experts;
  std::optional<FeedForwardTensors> shared;
  std::optional<NamedTensor> shared_gate;  ///< [1, hidden]
  // any other
  std::optional<FeedForwardTensors> dense;
};

struct DecoderTensors {
  NamedTensor embeddings;  ///< [vocab, hidden]
  std::vector<LayerTensors> layers;
  NamedTensor norm;                 ///< [hidden]
  std::optional<NamedTensor> head;  ///< [vocab, hidden]; none: the embeddings serve
};

/// Names and shapes of all tensors of the model. Throws Error{bad_input} when they are more than
/// limits::tensors_max.
[[nodiscard]] DecoderTensors tensor_names(const DecoderConfig& config);

/// The same as a list for Checkpoint::require(), layer by layer; each tensor may have any of `dtypes`.
[[nodiscard]] std::vector<TensorRequirement> requirements(const DecoderTensors& tensors,
                                                          std::span<const TensorDtype> dtypes);

}  // namespace prophet
