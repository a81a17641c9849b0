// The boundary: how slabs come, and how they go although blocks have pages there.
#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "prophet/error.hpp"
#include "runtime/kv/block_pool.hpp"

namespace prophet {
namespace {

void require(bool holds, const char* expected, std::uint64_t value) {
  if (holds) return;
  throw Error(ErrorCode::check_failed, fmt::format("block pool: {}, found {}", expected, value));
}

}  // namespace

void BlockPool::add_slab(SlabId slab) {
  pages_.add_slab(slab);
  ++changes_;
  released_in_[slab.index()] = 0;
}

std::uint32_t BlockPool::lent_pages() const noexcept {
  return (pages_.lent_slabs() - leaving_) * pages_.grid().pages_per_slab;
}

std::uint32_t BlockPool::referenced_pages(SlabId slab) const noexcept {
  const std::uint32_t first = pages_.grid().first_page(slab).value;
  std::uint32_t count = 0;
  for (std::uint32_t p = first; p < first + pages_.grid().pages_per_slab; ++p) {
    count += owners_[p] != nobody && blocks_[owners_[p] / row_pages_].references > 0 ? 1 : 0;
  }
  return count;
}

ReclaimPlan BlockPool::plan_reclaim(SlabId slab) {
  require(slab.index() < pages_.grid().slabs && pages_.is_lent(slab) && !pages_.is_closed(slab),
          "expected a lent slab to reclaim", slab.value);
  has_plan_ = false;
  moves_.clear();
  dropped_.clear();
  ++plans_;
  bool used = is_in_use(released_in_[slab.index()]);
  if (pages_.free_pages(slab) != pages_.grid().pages_per_slab) used |= list_contents(slab);
  if (used) return {ReclaimPlan::Outcome::deferred, {}, 0};
  if (!find_room(slab)) return {ReclaimPlan::Outcome::no_room, {}, 0};
  has_plan_ = true;
  planned_slab_ = slab;
  planned_at_ = changes_;
  return {ReclaimPlan::Outcome::ready, moves_, static_cast<std::uint32_t>(dropped_.size())};
}

/// Lists what must move and which blocks must be forgotten. True when a running step uses any of it.
bool BlockPool::list_contents(SlabId slab) noexcept {
  const std::uint32_t first = pages_.grid().first_page(slab).value;
  bool used = false;
  for (std::uint32_t p = first; p < first + pages_.grid().pages_per_slab; ++p) {
    if (owners_[p] == nobody) continue;
    const BlockId id{owners_[p] / row_pages_};
    Block& block = blocks_[id.index()];
    if (block.references > 0) {
      moves_.push_back({PageId{p}, PageId{}});
      used |= is_running();
    } else {
      used |= is_in_use(block.released_in);
      drop(id);
    }
  }
  return used;
}

void BlockPool::drop(BlockId id) noexcept {
  Block& block = blocks_[id.index()];
  if (block.dropped_in == plans_) return;
  block.dropped_in = plans_;
  dropped_.push_back(id);
}

/// Gives every move its target, and drops what it takes from the queue's head. False when there is no room.
bool BlockPool::find_room(SlabId slab) noexcept {
  const std::size_t wanted = moves_.size();
  const std::uint32_t free_here = pages_.grid().pages_per_slab - static_cast<std::uint32_t>(wanted);
  if (wanted > free_pages() - free_here) return false;
  if (wanted == 0) return true;
  loose_targets_ = pages_.peek(std::span(targets_).first(wanted), slab);
  std::size_t found = loose_targets_;
  for (const BlockId block : dropped_) found = list_targets(block, slab, found, wanted);
  for (BlockId b = blocks_[ends_.index()].next; found < wanted; b = blocks_[b.index()].next) {
    assert(b != ends_);
    if (blocks_[b.index()].dropped_in == plans_) continue;
    drop(b);
    found = list_targets(b, slab, found, wanted);
  }
  for (std::size_t i = 0; i < wanted; ++i) moves_[i].to = targets_[i];
  return true;
}

/// The block's pages outside the slab become targets until there are enough; returns how many there are.
std::size_t BlockPool::list_targets(BlockId block, SlabId slab, std::size_t found,
                                    std::size_t wanted) noexcept {
  for (const PageId page : row(block)) {
    if (found < wanted && pages_.grid().slab_of(page) != slab) targets_[found++] = page;
  }
  return found;
}

bool BlockPool::commit_reclaim(SlabId slab) {
  require(has_plan_ && planned_slab_ == slab && planned_at_ == changes_,
          "expected a plan for the slab that nothing has come after", slab.value);
  has_plan_ = false;
  ++changes_;
  pages_.close_slab(slab);
  const bool taken = pages_.take(std::span(targets_).first(moves_.empty() ? 0 : loose_targets_));
  assert(taken);
  (void)taken;
  std::size_t used = loose_targets_;
  for (const BlockId block : dropped_) used = forget_pages(block, slab, used);
  for (const PageCopy& move : moves_) move_page(move);
  if (moves_.empty()) {
    pages_.remove_slab(slab);
    return true;
  }
  ++leaving_;
  return false;
}

/// A dropped block's pages go back to the pool, but for those that are targets; `used` of those are spoken
/// for, in the order in which they were listed.
std::size_t BlockPool::forget_pages(BlockId id, SlabId slab, std::size_t used) noexcept {
  dequeue(id);
  forget(id);
  for (const PageId page : row(id)) {
    disown(page, blocks_[id.index()].released_in);
    if (used < moves_.size() && pages_.grid().slab_of(page) != slab) {
      assert(moves_[used].to == page);
      ++used;
    } else {
      pages_.give_back(std::span(&page, 1));
    }
  }
  make_blank(id);
  return used;
}

void BlockPool::move_page(const PageCopy& move) noexcept {
  const std::uint32_t place = owners_[move.from.index()];
  rows_[place] = move.to;
  owners_[move.to.index()] = place;
  disown(move.from, begun_);
  pages_.give_back(std::span(&move.from, 1));
}

void BlockPool::finish_reclaim(SlabId slab) {
  require(slab.index() < pages_.grid().slabs && pages_.is_lent(slab) && pages_.is_closed(slab),
          "expected a slab whose moves are under way", slab.value);
  ++changes_;
  --leaving_;
  pages_.remove_slab(slab);
}

void BlockPool::begin_step(std::uint64_t step) {
  require(step + 1 > begun_, "expected a step after all that have begun", step);
  ++changes_;
  begun_ = step + 1;
}

void BlockPool::end_step(std::uint64_t step) {
  require(step + 1 > ended_ && step + 1 <= begun_, "expected the end of a running step", step);
  ++changes_;
  ended_ = step + 1;
}

}  // namespace prophet
