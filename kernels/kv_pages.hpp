#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kv_float.hpp"
#include "kernels/page.hpp"

namespace prophet::kernels {

/// The KV pages of one attention layer and the block tables of the sequences that own them: a view; all
/// memory is the caller's, on the device where a device kernel reads it.
///
/// A page begins at base + page_offset(grid, page) and holds page_tokens tokens: K [page_tokens, kv_heads,
/// head_dim], then V of the same shape; of a latent cache one row [latent_dim + rope_dim] a token. Token t of
/// a sequence lies in page block_table[sequence, t / page_tokens] at row t mod page_tokens. Sequences may
/// share pages.
struct KvPages {
  void* base = nullptr;     ///< aligned to 16 bytes
  PageGrid grid;            ///< of one page a slab where pages lie at one distance
  std::uint32_t pages = 0;  ///< page ids are below this
  std::uint32_t page_tokens = 0;
  FloatFormat format = FloatFormat::bf16;  ///< as stored; a latent cache is fp16 or bf16
  std::uint32_t sequences = 0;
  std::uint32_t pages_max = 0;                 ///< of one sequence
  const std::uint32_t* block_table = nullptr;  ///< [sequences, pages_max]
};

[[nodiscard]] inline bool is_aligned_16(const void* pointer) noexcept {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

/// True when the view is sound and a page has room for page_tokens tokens of token_bytes.
[[nodiscard]] inline bool hold_tokens_of(const KvPages& pages, std::uint64_t token_bytes) noexcept {
  if (pages.base == nullptr || pages.block_table == nullptr || !is_aligned_16(pages.base)) return false;
  if (pages.pages == 0 || pages.page_tokens == 0 || pages.pages_max == 0 || pages.sequences == 0)
    return false;
  if (!is_known(pages.format) || !is_valid(pages.grid)) return false;
  return token_bytes != 0 && pages.grid.page_bytes / token_bytes >= pages.page_tokens;
}

}  // namespace prophet::kernels
