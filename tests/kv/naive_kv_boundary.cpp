// The boundary of the naive model: what a reclaim must move, may forget, and has to leave alone.
#include <algorithm>

#include "tests/kv/naive_kv.hpp"

namespace prophet::testing_support {

void NaiveKv::added(SlabId slab) {
  has_plan_ = false;
  const PageGrid& grid = real_.pool().page_pool().grid();
  slabs_[slab.index()] = SlabState::lent;
  for (std::uint32_t p = 0; p < grid.pages_per_slab; ++p) {
    owners_[grid.first_page(slab).index() + p] = none;
    released_[grid.first_page(slab).index() + p] = 0;
    poison(grid.first_page(slab).value + p);  // the experts' bytes
  }
}

void NaiveKv::planned(SlabId slab, const ReclaimPlan& plan) {
  const PageGrid& grid = real_.pool().page_pool().grid();
  const auto is_here = [&](std::uint32_t page) { return grid.slab_of(PageId{page}) == slab; };
  has_plan_ = false;
  dropped_.clear();
  std::vector<std::uint32_t> live;
  bool used = false;
  for (std::uint32_t p = 0; p < owners_.size(); ++p) {
    if (!is_here(p)) continue;
    used |= released_[p] > ended_;
    if (owners_[p] != none && blocks_[owners_[p]].references > 0) live.push_back(p);
  }
  used |= !live.empty() && begun_ != ended_;
  expect((plan.outcome == ReclaimPlan::Outcome::deferred) == used, "a slab that a step uses is deferred");
  events_.deferred += used ? 1 : 0;
  if (used) return;
  // What is free elsewhere, and what the blocks that must be forgotten have there.
  std::uint32_t loose = loose_pages();
  for (std::uint32_t p = 0; p < owners_.size(); ++p) loose -= is_here(p) && owners_[p] == none ? 1 : 0;
  std::size_t room = loose;
  const auto drop = [&](std::uint32_t block) {
    dropped_.push_back(block);
    for (const std::uint32_t page : blocks_[block].pages) room += is_here(page) ? 0 : 1;
  };
  const auto has_page_here = [&](std::uint32_t block) {
    return std::any_of(blocks_[block].pages.begin(), blocks_[block].pages.end(), is_here);
  };
  for (const std::uint32_t block : queue_) {
    if (has_page_here(block)) drop(block);
  }
  for (const std::uint32_t block : queue_) {
    if (room >= live.size() || has_page_here(block)) continue;
    drop(block);
    ++events_.forgotten_for_room;
  }
  expect((plan.outcome == ReclaimPlan::Outcome::no_room) == (room < live.size()),
         "a reclaim is refused if there is no room");
  events_.no_room += room < live.size() ? 1 : 0;
  if (room < live.size()) return;
  expect(plan.forgotten == dropped_.size(), "no block is forgotten without need");
  expect(plan.moves.size() == live.size(), "all that is live moves, and nothing else");
  std::vector<std::uint32_t> targets;
  std::size_t loose_targets = 0;
  for (std::size_t i = 0; i < live.size(); ++i) {
    const std::uint32_t to = plan.moves[i].to.value;
    expect(plan.moves[i].from.value == live[i], "a live page moves once");
    expect(!is_here(to) && slabs_[grid.slab_of(PageId{to}).index()] == SlabState::lent,
           "pages move to other slabs");
    expect(owners_[to] == none || std::count(dropped_.begin(), dropped_.end(), owners_[to]) == 1,
           "pages move to free pages or those of forgotten blocks");
    loose_targets += owners_[to] == none ? 1 : 0;
    targets.push_back(to);
  }
  std::sort(targets.begin(), targets.end());
  expect(std::adjacent_find(targets.begin(), targets.end()) == targets.end(),
         "no two pages move to one place");
  expect(loose_targets == std::min<std::size_t>(loose, live.size()), "free pages are used first");
  has_plan_ = true;
  planned_ = slab;
  moves_.assign(plan.moves.begin(), plan.moves.end());
}

void NaiveKv::committed(SlabId slab, bool is_out) {
  expect(has_plan_ && planned_ == slab, "only a plan that nothing has come after is carried out");
  has_plan_ = false;
  events_.moved_pages += moves_.size();
  events_.reclaimed_without_moves += moves_.empty() ? 1 : 0;
  for (const std::uint32_t block : dropped_) {
    queue_.erase(std::find(queue_.begin(), queue_.end(), block));
    uncache(block, true);
    blank_out(block);
  }
  for (const PageCopy& move : moves_) {
    copy(move.from.value, move.to.value);
    const std::uint32_t block = owners_[move.from.index()];
    auto& pages = blocks_[block].pages;
    *std::find(pages.begin(), pages.end(), move.from.value) = move.to.value;
    owners_[move.to.index()] = block;
    owners_[move.from.index()] = none;
    poison(move.from.value);  // whoever still reads there reads nothing
  }
  expect(is_out == moves_.empty(), "a slab without moves is out at once");
  slabs_[slab.index()] = is_out ? SlabState::away : SlabState::leaving;
}

void NaiveKv::finished(SlabId slab) {
  has_plan_ = false;
  expect(slabs_[slab.index()] == SlabState::leaving, "only a slab with moves under way is finished");
  slabs_[slab.index()] = SlabState::away;
}

}  // namespace prophet::testing_support
