#pragma once

#include <cstdint>
#include <vector>

#include "runtime/device/handles.hpp"
#include "runtime/device/model_ops.hpp"
#include "runtime/model/checkpoint.hpp"
#include "runtime/model/decoder_config.hpp"

namespace prophet {

/// A vector of weights, as a norm has it; empty where a family has no such norm.
struct WeightVector {
  BufferView data;
  kernels::FloatFormat format = kernels::FloatFormat::fp32;
  std::uint32_t size = 0;
};

/// gate and up [width, hidden_size], down [hidden_size, width]; no rows: there is none.
struct FfnWeights {
  WeightMatrix gate;
  WeightMatrix up;
  WeightMatrix down;
};

struct AttentionWeights {
  WeightMatrix q;  ///< [heads * head_dim, hidden_size]
  WeightMatrix k;  ///< [kv_heads * head_dim, hidden_size]
  WeightMatrix v;
  WeightMatrix o;  ///< [hidden_size, heads * head_dim]
  BufferView q_bias;
  BufferView k_bias;
  BufferView v_bias;
  BufferView o_bias;
  WeightVector q_norm;
  WeightVector k_norm;
};

/// What is always resident of one transformer layer.
struct DecoderLayerWeights {
  WeightVector input_norm;
  WeightVector post_attention_norm;
  AttentionWeights attention;
  WeightMatrix router;       ///< [experts, hidden_size]; no rows: the layer is dense
  FfnWeights shared;         ///< the shared expert
  WeightMatrix shared_gate;  ///< [1, hidden_size]
  FfnWeights dense;          ///< of a layer without experts
};

/// All weights of a decoder but its routed experts, in device memory as the checkpoint stores them (fp8 as
/// bf16, which holds each of its values). Owns the memory; the device must outlive it.
class DecoderWeights {
 public:
  /// Throws Error{bad_input} naming every tensor that is missing or has another shape or dtype than the
  /// family's, Error{out_of_memory} when the device cannot hold it; then nothing stays allocated.
  DecoderWeights(Device& device, const Checkpoint& checkpoint, const DecoderConfig& config);

  [[nodiscard]] const DecoderLayerWeights& layer(std::uint32_t layer) const noexcept {
    return layers_[layer];
  }
  [[nodiscard]] const WeightMatrix& embedding() const noexcept { return embedding_; }
  [[nodiscard]] const WeightVector& final_norm() const noexcept { return final_norm_; }
  /// [vocab, hidden_size]; the embedding where the two are tied.
  [[nodiscard]] const WeightMatrix& lm_head() const noexcept { return lm_head_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return memory_.view().size_bytes; }

 private:
  Buffer memory_;
  WeightMatrix embedding_;
  WeightVector final_norm_;
  WeightMatrix lm_head_;
  std::vector<DecoderLayerWeights> layers_;
};

}  // namespace prophet
