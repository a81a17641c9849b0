#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/status.hpp"

namespace prophet::kernels {

/// Where pages lie: slabs of slab_bytes one after another, each cut into pages_per_slab pages from its start;
/// what is left of a slab belongs to no page. Pages are numbered through. page_bytes is a multiple of 16.
struct PageGrid {
  std::uint64_t slab_bytes = 0;
  std::uint32_t pages_per_slab = 0;
  std::uint32_t page_bytes = 0;
};

/// Byte at which `page` begins.
[[nodiscard]] constexpr std::uint64_t page_offset(const PageGrid& grid, std::uint32_t page) noexcept {
  return page / grid.pages_per_slab * grid.slab_bytes +
         std::uint64_t{page % grid.pages_per_slab} * grid.page_bytes;
}

/// Whether the pages fit in their slab and 16-byte accesses fit in the pages.
[[nodiscard]] constexpr bool is_valid(const PageGrid& grid) noexcept {
  return grid.page_bytes != 0 && grid.page_bytes % 16 == 0 && grid.slab_bytes % 16 == 0 &&
         grid.pages_per_slab != 0 && grid.slab_bytes / grid.page_bytes >= grid.pages_per_slab;
}

/// One page's contents to another page.
struct PageMove {
  std::uint32_t source = 0;
  std::uint32_t destination = 0;
};

/// What page_verify answers if every byte is right.
inline constexpr std::uint64_t no_wrong_byte = ~std::uint64_t{0};

/// Odd: steps through the words of a page. The two below mix.
inline constexpr std::uint64_t page_word_step = 0x9e3779b97f4a7c15ULL;
inline constexpr std::uint64_t page_word_factor = 0xd6e8feb86659fd93ULL;

/// Writes the pattern `ids[i]` of `seed` into page pages[i] (ids may be pages themselves). The little-endian
/// 64-bit word w of pattern p is
///
///   mix(mix(mix(seed) + p * page_word_step) + w * page_word_step), mix(x) = y xor (y >> 29),
///   y = (x xor (x >> 32)) * page_word_factor
///
/// so that no two words of a page, and no two pages, have much in common, and a byte at the wrong place is
/// seen. pages [n], ids [n]; slabs holds all slabs. bad_shape unless the grid is valid and the two lists are
/// of one size; index_out_of_range if a page ends outside `slabs`.
[[nodiscard]] Status page_fill(std::span<std::byte> slabs, const PageGrid& grid,
                               std::span<const std::uint32_t> pages, std::span<const std::uint32_t> ids,
                               std::uint64_t seed) noexcept;

/// Compares pages with what page_fill wrote: *first_wrong becomes i * page_bytes + byte, for the first i and
/// then the first byte of pages[i] that differs, or no_wrong_byte. Shapes and errors as page_fill's.
[[nodiscard]] Status page_verify(std::span<const std::byte> slabs, const PageGrid& grid,
                                 std::span<const std::uint32_t> pages, std::span<const std::uint32_t> ids,
                                 std::uint64_t seed, std::uint64_t* first_wrong) noexcept;

/// Copies whole pages. No page may be the destination of two moves, or of one and the source of another: they
/// have no order. Errors as page_fill's.
[[nodiscard]] Status page_move(std::span<std::byte> slabs, const PageGrid& grid,
                               std::span<const PageMove> moves) noexcept;

}  // namespace prophet::kernels
