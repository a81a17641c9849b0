#pragma once

#include <cstdint>

#include "runtime/model/model_shape.hpp"

namespace prophet {

/// What attention over the contexts of a pass reads and computes, over all layers.
struct AttentionWork {
  std::uint64_t bytes = 0;  ///< keys and values read
  std::uint64_t flops = 0;
};

/// The work of one sequence in a pass, by the model's geometry:
///   bytes  each layer reads the keys and values of the sequence's context once, of a layer with a window at
///          most those of the window and of the tokens of the pass; recurrent layers read nothing
///   flops  4 x hidden size for each token and token of its context in each layer with attention: a product
///   of
///          query and key and one of weight and value, with heads x head_dim taken as the hidden size
class AttentionCost {
 public:
  AttentionCost() = default;
  AttentionCost(const ModelShape& model, Dtype kv_dtype);

  /// `tokens` tokens of which the last stands at the end of a context of `context_tokens`, itself included.
  void add(std::uint32_t tokens, std::uint32_t context_tokens, AttentionWork& work) const noexcept;

 private:
  std::uint64_t full_bytes_ = 0;      ///< of one token, in all layers without a window
  std::uint64_t windowed_bytes_ = 0;  ///< in all layers with one
  std::uint32_t window_tokens_ = 0;
  std::uint64_t full_flops_ = 0;  ///< of a token and one of its context, likewise
  std::uint64_t windowed_flops_ = 0;
};

}  // namespace prophet
