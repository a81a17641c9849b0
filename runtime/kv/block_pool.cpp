#include "runtime/kv/block_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

std::uint32_t least(const std::vector<std::uint32_t>& values) {
  return values.empty() ? 0 : *std::min_element(values.begin(), values.end());
}

std::uint32_t most(const std::vector<std::uint32_t>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

const PageGrid& checked_grid(const PageGrid& grid, const BlockPoolOptions& options) {
  const auto fail = [](const std::string& sentence) { throw Error(ErrorCode::usage, sentence); };
  if (options.block_pages.empty() || least(options.block_pages) == 0) {
    fail("block pool: a group without pages: expected 1 or more in every group");
  }
  if (most(options.block_pages) > grid.pages()) {
    fail(fmt::format("block pool: a block of {} pages is larger than all {} pages of the arena",
                     most(options.block_pages), grid.pages()));
  }
  const std::uint64_t blocks = grid.pages() / least(options.block_pages);
  if (blocks * most(options.block_pages) >= ~std::uint32_t{0}) {
    fail(fmt::format("block pool: {} blocks of up to {} pages are beyond 32-bit places", blocks,
                     most(options.block_pages)));
  }
  return grid;
}

std::uint32_t blocks_of(const PageGrid& grid, const BlockPoolOptions& options) {
  return grid.pages() / least(options.block_pages);
}

std::uint32_t prefixes_of(const PageGrid& grid, const BlockPoolOptions& options) {
  const std::uint32_t blocks = blocks_of(grid, options);
  return options.prefixes_max != 0 ? options.prefixes_max : blocks + blocks / 4 + 1;
}

}  // namespace

BlockPool::BlockPool(const PageGrid& grid, const BlockPoolOptions& options)
    : pages_(checked_grid(grid, options)),
      block_pages_(options.block_pages),
      row_pages_(most(block_pages_)),
      blocks_(std::size_t{blocks_of(grid, options)} + 1),
      rows_(std::size_t{blocks_max()} * row_pages_),
      owners_(grid.pages(), nobody),
      prefixes_(prefixes_of(grid, options), options.page_tokens_max, options.hash),
      twins_(std::size_t{prefixes_.nodes_max()} * block_pages_.size()),
      ends_{blocks_max()},
      released_in_(grid.slabs) {
  for (std::uint32_t b = blocks_max(); b-- > 0;) {
    blocks_[b].next = blank_;
    blank_ = BlockId{b};
  }
  blocks_[ends_.index()].next = blocks_[ends_.index()].previous = ends_;
  // A slab's pages are moved at most, and all others are forgotten at most.
  moves_.reserve(grid.pages_per_slab);
  targets_.resize(grid.pages_per_slab);
  dropped_.reserve(blocks_max());
}

BlockPool::~BlockPool() {
#ifndef NDEBUG
  check_invariants();
#endif
}

bool BlockPool::allocate(KvGroupId group, std::span<BlockId> blocks) noexcept {
  if (std::uint64_t{blocks.size()} * block_pages(group) > free_pages()) return false;
  ++changes_;
  for (BlockId& block : blocks) block = take_block(group);
  return true;
}

/// REQUIRES: as many free pages as the block needs.
BlockId BlockPool::take_block(KvGroupId group) noexcept {
  const std::uint32_t wanted = block_pages(group);
  while (pages_.free_pages() < wanted) {
    const BlockId head = blocks_[ends_.index()].next;
    dequeue(head);
    forget(head);
    Block& block = blocks_[head.index()];
    if (block_pages(block.group) == wanted) {
      block.group = group;
      block.references = 1;
      return head;
    }
    blank_out(head);
  }
  return fill_blank(group);
}

BlockId BlockPool::fill_blank(KvGroupId group) noexcept {
  assert(blank_ != ends_ && blank_ != no_block);
  const BlockId id = blank_;
  Block& block = blocks_[id.index()];
  blank_ = block.next;
  block.blank = false;
  block.group = group;
  block.references = 1;
  const std::span<PageId> pages = row(id);
  const bool taken = pages_.take(pages);
  assert(taken);
  (void)taken;
  auto place = static_cast<std::uint32_t>(id.index() * row_pages_);
  for (const PageId page : pages) owners_[page.index()] = place++;
  return id;
}

/// A block that is in no queue loses its pages. REQUIRES: not cached.
void BlockPool::blank_out(BlockId id) noexcept {
  for (const PageId page : row(id)) {
    disown(page, blocks_[id.index()].released_in);
    pages_.give_back(std::span(&page, 1));
  }
  make_blank(id);
}

void BlockPool::make_blank(BlockId id) noexcept {
  Block& block = blocks_[id.index()];
  assert(block.references == 0 && block.prefix == no_prefix && !block.blank);
  block.blank = true;
  block.next = blank_;
  blank_ = id;
}

/// The page has no block any more; a step up to `step` may still use it.
void BlockPool::disown(PageId page, std::uint64_t step) noexcept {
  owners_[page.index()] = nobody;
  std::uint64_t& newest = released_in_[pages_.grid().slab_of(page).index()];
  newest = std::max(newest, step);
}

void BlockPool::enqueue(BlockId id) noexcept {
  Block& block = blocks_[id.index()];
  Block& end = blocks_[ends_.index()];
  block.previous = end.previous;
  block.next = ends_;
  blocks_[end.previous.index()].next = id;
  end.previous = id;
  ++queued_;
  queued_pages_ += block_pages(block.group);
}

void BlockPool::dequeue(BlockId id) noexcept {
  const Block& block = blocks_[id.index()];
  blocks_[block.previous.index()].next = block.next;
  blocks_[block.next.index()].previous = block.previous;
  --queued_;
  queued_pages_ -= block_pages(block.group);
}

void BlockPool::touch(std::span<const BlockId> blocks) noexcept {
  ++changes_;
  for (const BlockId id : blocks) {
    Block& block = blocks_[id.index()];
    assert(!block.blank);
    if (block.references == 0) dequeue(id);
    ++block.references;
  }
}

void BlockPool::release(std::span<const BlockId> blocks) noexcept {
  ++changes_;
  for (const BlockId id : blocks) {
    Block& block = blocks_[id.index()];
    assert(block.references > 0);
    if (--block.references > 0) continue;
    block.released_in = begun_;
    enqueue(id);
  }
}

BlockPool::Twins& BlockPool::twins(KvGroupId group, PrefixId prefix) noexcept {
  return twins_[prefix.index() * block_pages_.size() + group.index()];
}

void BlockPool::cache(BlockId id, PrefixId prefix) noexcept {
  ++changes_;
  Block& block = blocks_[id.index()];
  assert(block.references > 0 && block.prefix == no_prefix && prefixes_.references(prefix) > 0);
  prefixes_.refer(prefix);
  block.prefix = prefix;
  Twins& list = twins(block.group, prefix);
  block.twin_previous = list.last;
  block.twin_next = no_block;
  (list.last != no_block ? blocks_[list.last.index()].twin_next : list.first) = id;
  list.last = id;
}

BlockId BlockPool::find(KvGroupId group, PrefixId prefix) const noexcept {
  return twins_[prefix.index() * block_pages_.size() + group.index()].first;
}

void BlockPool::uncache(BlockId id) noexcept {
  Block& block = blocks_[id.index()];
  Twins& list = twins(block.group, block.prefix);
  const BlockId before = block.twin_previous;
  const BlockId after = block.twin_next;
  (before != no_block ? blocks_[before.index()].twin_next : list.first) = after;
  (after != no_block ? blocks_[after.index()].twin_previous : list.last) = before;
  prefixes_.release(block.prefix);
  block.prefix = no_prefix;
}

/// What the block holds makes room.
void BlockPool::forget(BlockId id) noexcept {
  if (blocks_[id.index()].prefix == no_prefix) return;
  uncache(id);
  ++evictions_;
}

void BlockPool::forget_all() noexcept {
  ++changes_;
  for (std::uint32_t b = 0; b < blocks_max(); ++b) {
    if (blocks_[b].prefix != no_prefix) uncache(BlockId{b});
  }
}

std::span<PageId> BlockPool::row(BlockId block) noexcept {
  return {rows_.data() + block.index() * row_pages_, block_pages(blocks_[block.index()].group)};
}

std::span<const PageId> BlockPool::pages(BlockId block) const noexcept {
  if (blocks_[block.index()].blank) return {};
  return {rows_.data() + block.index() * row_pages_, block_pages(blocks_[block.index()].group)};
}

std::uint32_t BlockPool::copy_queue(std::span<BlockId> queue) const noexcept {
  BlockId block = blocks_[ends_.index()].next;
  for (std::size_t i = 0; i < queue.size() && block != ends_; ++i) {
    queue[i] = block;
    block = blocks_[block.index()].next;
  }
  return queued_;
}

}  // namespace prophet
