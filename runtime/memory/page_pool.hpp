#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "prophet/ids.hpp"
#include "runtime/memory/page_grid.hpp"

namespace prophet {

/// Which pages of the lent slabs are free: integers only, no device. Every call is O(1) a page, add_slab and
/// remove_slab O(1). No allocation after construction. One thread.
///
/// Pages come from slabs that are in use before any from a slab that is wholly free, so that free slabs stay
/// free and can go back to the experts; within a slab the page given back last comes first.
///
/// Invariants: a page of a slab that is not lent belongs to nobody; a page of a lent slab is taken or free,
/// and free ones are counted by slab and in all; a slab that is closed gives out no page.
class PagePool {
 public:
  /// No slab is lent yet.
  explicit PagePool(const PageGrid& grid);

  /// The slab's pages are free from now on. Throws Error{check_failed} when it is here already.
  void add_slab(SlabId slab);
  /// The slab leaves. Throws Error{check_failed} when it is not here, or a page of it is taken.
  void remove_slab(SlabId slab);
  /// A closed slab takes its pages back but gives none out, and they are not counted as free. REQUIRES: here.
  void close_slab(SlabId slab) noexcept;
  void open_slab(SlabId slab) noexcept;

  /// Fills `pages` with free pages, or does nothing and is false when there are not so many.
  [[nodiscard]] bool take(std::span<PageId> pages) noexcept;
  /// REQUIRES: taken, each once.
  void give_back(std::span<const PageId> pages) noexcept;

  /// The pages that take() would give if `except` were closed, at most pages.size(); returns how many.
  std::uint32_t peek(std::span<PageId> pages, SlabId except) const noexcept;

  /// Pages that take() can give.
  [[nodiscard]] std::uint32_t free_pages() const noexcept { return free_; }
  [[nodiscard]] std::uint32_t free_pages(SlabId slab) const noexcept { return slabs_[slab.index()].free; }
  [[nodiscard]] std::uint32_t lent_slabs() const noexcept { return lent_; }
  [[nodiscard]] bool is_lent(SlabId slab) const noexcept { return slabs_[slab.index()].lent; }
  [[nodiscard]] bool is_closed(SlabId slab) const noexcept { return slabs_[slab.index()].closed; }
  /// Whether the page is of a lent slab and not taken.
  [[nodiscard]] bool is_free(PageId page) const noexcept;
  [[nodiscard]] const PageGrid& grid() const noexcept { return grid_; }

  /// Throws Error{check_failed} that names the first broken invariant. O(pages).
  void check_invariants() const;

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};
  static constexpr std::uint32_t taken = none - 1;

  /// Free pages are a stack of pages given back, and above them those never taken since the slab was lent.
  struct Slab {
    std::uint32_t free = 0;
    std::uint32_t returned = none;  ///< page on top of the stack
    std::uint32_t untouched = 0;    ///< place of the first page never taken
    std::uint32_t previous = none;  ///< in the list that the slab is in
    std::uint32_t next = none;
    bool lent = false;
    bool closed = false;
  };

  [[nodiscard]] std::uint32_t& list_of(const Slab& slab) noexcept;
  void link(std::uint32_t slab) noexcept;
  void unlink(std::uint32_t slab) noexcept;
  void take_from(std::uint32_t slab, std::span<PageId> pages) noexcept;
  void give_back(PageId page) noexcept;

  PageGrid grid_;
  std::vector<Slab> slabs_;          ///< [slabs]
  std::vector<std::uint32_t> next_;  ///< [pages] below it in its slab's stack, or `taken`
  std::uint32_t in_use_ = none;      ///< list of open slabs with some pages free and some taken
  std::uint32_t unused_ = none;      ///< list of open slabs with all pages free
  std::uint32_t free_ = 0;
  std::uint32_t lent_ = 0;
};

}  // namespace prophet
