#include "runtime/memory/page_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "prophet/error.hpp"

namespace prophet {
namespace {

void require(bool holds, const char* invariant, SlabId slab) {
  if (holds) return;
  throw Error(ErrorCode::check_failed, fmt::format("page pool: {}: slab {}", invariant, slab.value));
}

}  // namespace

PagePool::PagePool(const PageGrid& grid) : grid_(grid), slabs_(grid.slabs), next_(grid.pages()) {}

std::uint32_t& PagePool::list_of(const Slab& slab) noexcept {
  return slab.free == grid_.pages_per_slab ? unused_ : in_use_;
}

void PagePool::link(std::uint32_t index) noexcept {
  Slab& slab = slabs_[index];
  std::uint32_t& head = list_of(slab);
  slab.previous = none;
  slab.next = head;
  if (head != none) slabs_[head].previous = index;
  head = index;
}

void PagePool::unlink(std::uint32_t index) noexcept {
  const Slab& slab = slabs_[index];
  (slab.previous != none ? slabs_[slab.previous].next : list_of(slab)) = slab.next;
  if (slab.next != none) slabs_[slab.next].previous = slab.previous;
}

void PagePool::add_slab(SlabId id) {
  require(id.index() < slabs_.size(), "only slabs of the arena are lent", id);
  Slab& slab = slabs_[id.index()];
  require(!slab.lent, "a slab is lent once", id);
  slab = Slab{};
  slab.lent = true;
  slab.free = grid_.pages_per_slab;
  link(id.value);
  free_ += slab.free;
  ++lent_;
}

void PagePool::remove_slab(SlabId id) {
  require(id.index() < slabs_.size() && is_lent(id), "only a lent slab leaves", id);
  Slab& slab = slabs_[id.index()];
  require(slab.free == grid_.pages_per_slab, "a slab leaves when all its pages are free", id);
  if (!slab.closed) close_slab(id);
  slab.lent = false;
  --lent_;
}

void PagePool::close_slab(SlabId id) noexcept {
  Slab& slab = slabs_[id.index()];
  assert(slab.lent && !slab.closed);
  if (slab.free > 0) unlink(id.value);
  free_ -= slab.free;
  slab.closed = true;
}

void PagePool::open_slab(SlabId id) noexcept {
  Slab& slab = slabs_[id.index()];
  assert(slab.lent && slab.closed);
  slab.closed = false;
  free_ += slab.free;
  if (slab.free > 0) link(id.value);
}

bool PagePool::take(std::span<PageId> pages) noexcept {
  if (pages.size() > free_) return false;
  free_ -= static_cast<std::uint32_t>(pages.size());
  while (!pages.empty()) {
    const std::uint32_t index = in_use_ != none ? in_use_ : unused_;
    const auto count = std::min<std::size_t>(pages.size(), slabs_[index].free);
    take_from(index, pages.first(count));
    pages = pages.subspan(count);
  }
  return true;
}

/// REQUIRES: open, and at least one and no more pages than are free here.
void PagePool::take_from(std::uint32_t index, std::span<PageId> pages) noexcept {
  Slab& slab = slabs_[index];
  const bool was_unused = slab.free == grid_.pages_per_slab;
  const bool is_exhausted = slab.free == pages.size();
  if (was_unused || is_exhausted) unlink(index);
  const std::uint32_t first = index * grid_.pages_per_slab;
  for (PageId& page : pages) {
    page = PageId{slab.returned != none ? slab.returned : first + slab.untouched++};
    std::uint32_t& below = next_[page.index()];
    if (slab.returned != none) slab.returned = below;
    below = taken;
  }
  slab.free -= static_cast<std::uint32_t>(pages.size());
  if (was_unused && !is_exhausted) link(index);
}

void PagePool::give_back(std::span<const PageId> pages) noexcept {
  for (const PageId page : pages) give_back(page);
}

void PagePool::give_back(PageId page) noexcept {
  const std::uint32_t index = grid_.slab_of(page).value;
  Slab& slab = slabs_[index];
  assert(slab.lent && next_[page.index()] == taken);
  const bool becomes_unused = slab.free + 1 == grid_.pages_per_slab;
  const bool was_exhausted = slab.free == 0;
  if (!slab.closed && becomes_unused && !was_exhausted) unlink(index);
  next_[page.index()] = slab.returned;
  slab.returned = page.value;
  ++slab.free;
  if (becomes_unused) {
    slab.returned = none;
    slab.untouched = 0;
  }
  if (slab.closed) return;
  ++free_;
  if (becomes_unused || was_exhausted) link(index);
}

std::uint32_t PagePool::peek(std::span<PageId> pages, SlabId except) const noexcept {
  std::size_t count = 0;
  for (const std::uint32_t head : {in_use_, unused_}) {
    for (std::uint32_t s = head; s != none && count < pages.size(); s = slabs_[s].next) {
      if (s == except.value) continue;
      const Slab& slab = slabs_[s];
      for (std::uint32_t p = slab.returned; p != none && count < pages.size(); p = next_[p]) {
        pages[count++] = PageId{p};
      }
      for (std::uint32_t at = slab.untouched; at < grid_.pages_per_slab && count < pages.size(); ++at) {
        pages[count++] = PageId{s * grid_.pages_per_slab + at};
      }
    }
  }
  return static_cast<std::uint32_t>(count);
}

bool PagePool::is_free(PageId page) const noexcept {
  const SlabId id = grid_.slab_of(page);
  const Slab& slab = slabs_[id.index()];
  const std::uint32_t place = page.value - grid_.first_page(id).value;
  return slab.lent && (place >= slab.untouched || next_[page.index()] != taken);
}

void PagePool::check_invariants() const {
  std::uint32_t free = 0;
  std::uint32_t lent = 0;
  for (std::uint32_t s = 0; s < slabs_.size(); ++s) {
    const Slab& slab = slabs_[s];
    if (!slab.lent) continue;
    ++lent;
    std::uint32_t here = grid_.pages_per_slab - slab.untouched;
    for (std::uint32_t p = slab.returned; p != none; p = next_[p]) {
      require(p / grid_.pages_per_slab == s && next_[p] != taken && ++here <= grid_.pages_per_slab,
              "a slab's free pages are its own, each once", SlabId{s});
    }
    require(here == slab.free, "a slab's free pages are counted", SlabId{s});
    std::uint32_t free_marks = 0;
    for (std::uint32_t at = 0; at < grid_.pages_per_slab; ++at) {
      free_marks += is_free(PageId{s * grid_.pages_per_slab + at}) ? 1 : 0;
    }
    require(free_marks == slab.free, "a page is taken or free", SlabId{s});
    if (!slab.closed) free += slab.free;
  }
  require(free == free_ && lent == lent_, "open slabs' free pages are counted", SlabId{lent});
  std::uint32_t listed = 0;
  for (const std::uint32_t head : {in_use_, unused_}) {
    for (std::uint32_t s = head; s != none; s = slabs_[s].next) {
      const Slab& slab = slabs_[s];
      require(slab.lent && !slab.closed && slab.free > 0, "only open slabs with free pages are listed",
              SlabId{s});
      require((slab.free == grid_.pages_per_slab) == (head == unused_), "a slab is in the list of its state",
              SlabId{s});
      listed += slab.free;
    }
  }
  require(listed == free_, "every open slab with free pages is listed", SlabId{lent});
}

}  // namespace prophet
