#pragma once

#include <cstdint>

#include "kernels/kv_pages.hpp"
#include "kernels/status.hpp"

namespace prophet::kernels {

/// The widths of DeepSeek V2, V3 and their kin, the only ones that are taken.
inline constexpr std::uint32_t mla_latent_dim = 512;
inline constexpr std::uint32_t mla_rope_dim = 64;
inline constexpr std::uint32_t mla_row_dim = mla_latent_dim + mla_rope_dim;

/// Decode attention over a latent cache (multi-head latent attention in its absorbed form, DeepSeek-V2,
/// section 2.1 and appendix: the up-projections of K and V are multiplied into the query and the output
/// beforehand, so that all heads read one row a token). With row[t] = (latent[t], rope[t]):
///
///   logit[t] = scale * (q_latent . latent[t] + q_rope . rope[t])
///   output   = sum of exp(logit[t]) latent[t] / sum of exp(logit[t])
struct MlaAttention {
  const void* q_latent = nullptr;  ///< [sequences, heads, latent_dim] in q_format
  const void* q_rope = nullptr;    ///< [sequences, heads, rope_dim] in q_format
  FloatFormat q_format = FloatFormat::fp32;
  void* output = nullptr;  ///< [sequences, heads, latent_dim] in output_format
  FloatFormat output_format = FloatFormat::fp32;
  std::uint32_t heads = 0;
  std::uint32_t latent_dim = mla_latent_dim;
  std::uint32_t rope_dim = mla_rope_dim;
  const std::uint32_t* context_tokens =
      nullptr;                           ///< [sequences], the query's token included; 0: the output is 0
  std::uint32_t context_tokens_max = 0;  ///< what the caller knows of context_tokens: none is above it
  float scale = 1;
};

/// True for widths and pages that mla_attention takes.
[[nodiscard]] bool can_attend(const KvPages& pages, const MlaAttention& call) noexcept;

/// The reference, in fp64 from the stored numbers. A sequence whose context is above context_tokens_max, or
/// of whose tokens one has no sound page, gets an output of not-a-numbers.
[[nodiscard]] Status mla_attention(const KvPages& pages, const MlaAttention& call) noexcept;

}  // namespace prophet::kernels
