#pragma once

#include <cstdint>
#include <vector>

namespace prophet {

/// Attention layers that are alike: their tokens come and go together.
struct KvGroup {
  std::uint32_t layers = 0;
  std::uint64_t token_bytes = 0;    ///< K and V, or the latent, of one token in ONE layer
  std::uint32_t window_tokens = 0;  ///< a token attends to so many, itself included; 0: to all
  std::uint32_t page_tokens = 0;    ///< a power of two; page_tokens * token_bytes fit a page
  friend bool operator==(const KvGroup&, const KvGroup&) = default;
};

/// What the KV of one model is made of, as plain integers. One page holds page_tokens tokens of ONE layer of
/// its group; all pages of a model have one size. A block is one page for each layer of a group.
struct KvGeometry {
  std::vector<KvGroup> groups;    ///< block tables are kept for each
  std::uint64_t state_bytes = 0;  ///< recurrent state of one sequence, all layers (Mamba, linear attention)
  std::uint64_t page_bytes = 0;

  /// Pages in which a sequence's recurrent state lies.
  [[nodiscard]] std::uint32_t state_pages() const noexcept;
  /// Pages that `tokens` tokens of one sequence take when nothing is shared and nothing has left a window:
  /// what it needs to have been prefilled in one piece.
  [[nodiscard]] std::uint64_t sequence_pages(std::uint64_t tokens) const noexcept;
  /// The same for a sequence that is decoded a token at a time: windowed groups keep their window only.
  [[nodiscard]] std::uint64_t decoding_pages(std::uint64_t tokens) const noexcept;
  /// Of the bytes of a page, the share that holds tokens, averaged over the groups by their pages for a long
  /// context without windows; 1 when all groups fill their pages.
  [[nodiscard]] double page_fill() const noexcept;

  /// Throws Error{usage} that names the field when a number is 0 where it may not be, beyond its limit, not a
  /// power of two, or when a group does not fit the page.
  void check() const;
};

/// A choice of page_tokens, and what it wastes.
struct KvPagePlan {
  KvGeometry geometry;  ///< page_tokens and page_bytes are filled in
  std::uint32_t pages_per_slab = 0;
  std::uint64_t slab_waste_bytes = 0;  ///< of one slab: what belongs to no page
  double waste = 0;                    ///< share of a slab that can hold no token: that, and unfilled pages
};

/// Of a slab: more than so much may not be lost to the page grid (DESIGN section 5).
inline constexpr double kv_waste_max = 0.01;

/// Chooses page_tokens for slabs of `slab_bytes`: of 16, 32, 64, 8, 4, 2 and 1 tokens of the group with the
/// largest tokens the first that wastes at most kv_waste_max, else the one that wastes least; look at
/// `waste`. Other groups take the largest power of two that fits the page. page_bytes is a multiple of 16.
/// `groups` need no page_tokens. Throws Error{usage} as check() does, and when a slab holds no page.
[[nodiscard]] KvPagePlan propose_pages(KvGeometry model, std::uint64_t slab_bytes);

/// The plan for `page_tokens` tokens of the group with the largest tokens. Errors as propose_pages.
[[nodiscard]] KvPagePlan plan_pages(KvGeometry model, std::uint64_t slab_bytes, std::uint32_t page_tokens);

}  // namespace prophet
