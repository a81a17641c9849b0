#pragma once

#include <cstdint>

#include "prophet/ids.hpp"

namespace prophet {

/// How slabs are cut into pages: page p is the (p % pages_per_slab)-th of slab p / pages_per_slab, whether
/// that slab is lent or not. The numbering, and so a page's address, is that of kernels/page.hpp.
struct PageGrid {
  std::uint64_t page_bytes = 0;
  std::uint32_t pages_per_slab = 0;
  std::uint32_t slabs = 0;  ///< of the arena; any of them may be lent

  /// What `page_bytes` makes of slabs of `slab_bytes`. Throws Error{usage} when no page fits a slab, or when
  /// the arena would have more than limits::kv_pages_max pages.
  [[nodiscard]] static PageGrid plan(std::uint64_t slab_bytes, std::uint32_t slabs, std::uint64_t page_bytes);

  [[nodiscard]] constexpr std::uint32_t pages() const noexcept { return slabs * pages_per_slab; }
  [[nodiscard]] constexpr SlabId slab_of(PageId page) const noexcept {
    return SlabId{page.value / pages_per_slab};
  }
  [[nodiscard]] constexpr PageId first_page(SlabId slab) const noexcept {
    return PageId{slab.value * pages_per_slab};
  }
  /// Byte of the arena at which the page begins; slab_stride_bytes is Arena::stride_bytes.
  [[nodiscard]] constexpr std::uint64_t offset_bytes(PageId page,
                                                     std::uint64_t slab_stride_bytes) const noexcept {
    return slab_of(page).value * slab_stride_bytes + std::uint64_t{page.value % pages_per_slab} * page_bytes;
  }
  /// Bytes of a slab that belong to no page.
  [[nodiscard]] constexpr std::uint64_t waste_bytes(std::uint64_t slab_bytes) const noexcept {
    return slab_bytes - std::uint64_t{pages_per_slab} * page_bytes;
  }
};

/// A page's contents to another page.
struct PageCopy {
  PageId from;
  PageId to;
  friend constexpr bool operator==(const PageCopy&, const PageCopy&) = default;
};

}  // namespace prophet
