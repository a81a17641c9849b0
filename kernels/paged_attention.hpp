#pragma once

#include <cstdint>

#include "kernels/kv_pages.hpp"
#include "kernels/status.hpp"

namespace prophet::kernels {

/// Decode attention of one query token per sequence over paged K and V, grouped-query: query head h reads KV
/// head h / (q_heads / kv_heads). With the tokens t of a sequence's last `window_tokens` (0: all its tokens),
///
///   logit[t] = cap(scale * q . K[t]),   cap(x) = soft_cap * tanh(x / soft_cap), or x where soft_cap is 0
///   output   = sum of exp(logit[t]) V[t] / (sum of exp(logit[t]) + exp(sink))
///
/// where the sink, a logit that has no value (as gpt-oss learns one a head), counts only if `sinks` is given.
/// The query is the last token of the context: a window of w holds the tokens context - w .. context - 1.
struct PagedAttention {
  const void* q = nullptr;  ///< [sequences, q_heads, head_dim] in q_format
  FloatFormat q_format = FloatFormat::fp32;
  void* output = nullptr;  ///< [sequences, q_heads, head_dim] in output_format
  FloatFormat output_format = FloatFormat::fp32;
  std::uint32_t q_heads = 0;  ///< a multiple of kv_heads
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;  ///< 64, 80, 96, 128 or 256
  const std::uint32_t* context_tokens =
      nullptr;                           ///< [sequences], the query's token included; 0: the output is 0
  std::uint32_t context_tokens_max = 0;  ///< what the caller knows of context_tokens: none is above it
  float scale = 1;
  std::uint32_t window_tokens = 0;  ///< 0: no window
  float soft_cap = 0;               ///< 0: none
  const float* sinks = nullptr;     ///< [q_heads] or null
};

inline constexpr std::uint32_t attention_heads_max = 1U << 12;

/// True for a head_dim and head counts that paged_attention takes.
[[nodiscard]] constexpr bool has_heads(std::uint32_t q_heads, std::uint32_t kv_heads,
                                       std::uint32_t head_dim) noexcept {
  const bool dim = head_dim == 64 || head_dim == 80 || head_dim == 96 || head_dim == 128 || head_dim == 256;
  return dim && kv_heads != 0 && q_heads != 0 && q_heads <= attention_heads_max && q_heads % kv_heads == 0;
}

/// True for a head_dim, head counts and pages that paged_attention takes.
[[nodiscard]] bool can_attend(const KvPages& pages, const PagedAttention& call) noexcept;

/// The reference, in fp64 from the stored numbers. A sequence whose context is above context_tokens_max, or
/// of whose attended tokens one has no sound page, gets an output of not-a-numbers.
[[nodiscard]] Status paged_attention(const KvPages& pages, const PagedAttention& call) noexcept;

}  // namespace prophet::kernels
