#pragma once

#include <cstdint>
#include <vector>

#include "runtime/model/model_shape.hpp"

/// The KV cache of a model by arithmetic alone: the analytic side's own, which shares nothing with the
/// allocator that it is compared with.
namespace prophet::analytic {

/// What a run of like layers costs.
struct KvRunCost {
  std::uint64_t layers = 0;
  std::uint64_t page_tokens = 0;    ///< tokens of one layer in a page
  std::uint64_t window_tokens = 0;  ///< that a token attends to, itself included; 0: all
};

/// What the tokens of one sequence cost.
struct KvCost {
  std::vector<KvRunCost> runs;
  std::uint64_t page_bytes = 0;   ///< of every page, in whole 16 bytes
  std::uint64_t page_tokens = 0;  ///< of the run with the largest tokens: the step in which sequences grow
  std::uint64_t tokens_max = 0;   ///< of a sequence; where all layers have a window, the model's own context
  std::uint64_t state_pages = 0;  ///< in which the recurrent layers' state of a sequence lies
};

/// Bytes of one token in one layer of the run: K and V of each head, or one latent with its rotary key, each
/// a row of numbers; in int8 a row has a scale of 4 bytes. 0 for a recurrent layer.
[[nodiscard]] std::uint64_t layer_token_bytes(const KvLayers& run, Dtype dtype);

/// The bytes that one more token adds, over all layers, before a window is full.
[[nodiscard]] std::uint64_t token_bytes(const ModelShape& model, Dtype dtype);

/// With pages of `page_tokens` tokens of the run with the largest; of others a page holds the largest power
/// of two that it has room for.
[[nodiscard]] KvCost kv_cost(const ModelShape& model, Dtype dtype, std::uint32_t page_tokens);

/// Pages of one sequence that has just grown to so many tokens, a multiple of page_tokens, by page_tokens at
/// once: what the first of the new ones no longer attends to has left the windows before. No tokens, no
/// pages.
[[nodiscard]] std::uint64_t pages_of(const KvCost& cost, std::uint64_t tokens);

/// The most that it has had on the way there: where windows have larger pages than other layers, it may be
/// less now than it was.
[[nodiscard]] std::uint64_t peak_pages_of(const KvCost& cost, std::uint64_t tokens);

/// The most tokens, in whole steps, that each of `batch` sequences can have of `pages` pages.
[[nodiscard]] std::uint64_t tokens_of_each(const KvCost& cost, std::uint64_t pages, std::uint64_t batch);

}  // namespace prophet::analytic
