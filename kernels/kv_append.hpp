#pragma once

#include <cstdint>

#include "kernels/kv_pages.hpp"
#include "kernels/status.hpp"

namespace prophet::kernels {

/// K and V of the tokens of one step, to be written into pages.
struct KvRows {
  const void* k = nullptr;  ///< [tokens, kv_heads, head_dim] in `format`, aligned to 16 bytes
  const void* v = nullptr;  ///< as k
  FloatFormat format = FloatFormat::fp32;
  std::uint32_t tokens = 0;
  std::uint32_t kv_heads = 0;
  std::uint32_t head_dim = 0;                  ///< a multiple of 8
  const std::uint32_t* positions = nullptr;    ///< [tokens]: of each token in its sequence, from 0
  const std::uint32_t* sequence_of = nullptr;  ///< [tokens]: row of the block table
};

/// Latent rows of the tokens of one step (DeepSeek's MLA): one row for all heads.
struct LatentRows {
  const void* rows = nullptr;  ///< [tokens, row_dim] in `format`, aligned to 16 bytes
  FloatFormat format = FloatFormat::fp32;
  std::uint32_t tokens = 0;
  std::uint32_t row_dim = 0;                   ///< latent_dim + rope_dim, a multiple of 8
  const std::uint32_t* positions = nullptr;    ///< [tokens]
  const std::uint32_t* sequence_of = nullptr;  ///< [tokens]
};

/// Bytes of one token's K and V in pages of `format`.
[[nodiscard]] constexpr std::uint64_t kv_token_bytes(std::uint32_t kv_heads, std::uint32_t head_dim,
                                                     FloatFormat format = FloatFormat::bf16) noexcept {
  return std::uint64_t{2} * format_bytes(format) * kv_heads * head_dim;
}

/// True for what kv_append and latent_append can write.
[[nodiscard]] bool can_append(const KvPages& pages, const KvRows& rows) noexcept;
[[nodiscard]] bool can_append(const KvPages& pages, const LatentRows& rows) noexcept;

/// Writes each token's K and V at its position, rounded to the pages' format (bits are copied where the
/// formats agree). A token is left out when its sequence is not below pages.sequences, its position is beyond
/// the block table or its page id is not below pages.pages: so a captured graph pads its batch. Two tokens of
/// one call must not have the same place.
[[nodiscard]] Status kv_append(const KvPages& pages, const KvRows& rows) noexcept;

/// As kv_append, one row a token.
[[nodiscard]] Status latent_append(const KvPages& pages, const LatentRows& rows) noexcept;

}  // namespace prophet::kernels
