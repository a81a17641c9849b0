// The invariants that stand at the head of BlockPool, counted from the raw arrays.
#include <fmt/format.h>

#include "prophet/error.hpp"
#include "runtime/kv/block_pool.hpp"

namespace prophet {
namespace {

void require(bool holds, const char* invariant, const char* what, std::uint64_t value) {
  if (holds) return;
  throw Error(ErrorCode::check_failed, fmt::format("block pool: {}: {} {}", invariant, what, value));
}

}  // namespace

void BlockPool::check_invariants() const {
  pages_.check_invariants();
  prefixes_.check_invariants();
  check_pages();
  check_blocks();
  check_queue();
  check_cache();
}

void BlockPool::check_pages() const {
  std::uint32_t leaving = 0;
  for (std::uint32_t s = 0; s < pages_.grid().slabs; ++s) {
    if (!pages_.is_lent(SlabId{s}) || !pages_.is_closed(SlabId{s})) continue;
    ++leaving;
    require(pages_.free_pages(SlabId{s}) == pages_.grid().pages_per_slab, "a slab that leaves is empty",
            "slab", s);
  }
  require(leaving == leaving_, "slabs that leave are counted", "slabs", leaving);
  for (std::uint32_t p = 0; p < pages_.grid().pages(); ++p) {
    if (owners_[p] == nobody) {
      require(!pages_.is_lent(pages_.grid().slab_of(PageId{p})) || pages_.is_free(PageId{p}),
              "a page has a block or is free", "page", p);
      continue;
    }
    require(pages_.is_lent(pages_.grid().slab_of(PageId{p})) && !pages_.is_free(PageId{p}),
            "a block's page is lent and taken", "page", p);
    require(owners_[p] < rows_.size() && rows_[owners_[p]] == PageId{p}, "a page belongs to one block",
            "page", p);
  }
}

void BlockPool::check_blocks() const {
  std::uint32_t blank = 0;
  for (BlockId b = blank_; b != no_block; b = blocks_[b.index()].next) {
    require(++blank <= blocks_max() && blocks_[b.index()].blank, "blank blocks are listed", "block", b.value);
  }
  for (std::uint32_t b = 0; b < blocks_max(); ++b) {
    const Block& block = blocks_[b];
    if (block.blank) {
      require(blank-- > 0, "every blank block is listed", "block", b);
      require(block.references == 0 && block.prefix == no_prefix, "a blank block holds nothing", "block", b);
      continue;
    }
    std::uint32_t place = b * row_pages_;
    for (const PageId page : pages(BlockId{b})) {
      require(owners_[page.index()] == place++, "a block's page is its own", "block", b);
    }
  }
  require(blank == 0, "only blank blocks are listed as such", "blocks", blank);
}

void BlockPool::check_queue() const {
  std::uint32_t queued = 0;
  std::uint32_t pages = 0;
  for (BlockId b = blocks_[ends_.index()].next; b != ends_; b = blocks_[b.index()].next) {
    const Block& block = blocks_[b.index()];
    require(++queued <= blocks_max() && !block.blank && block.references == 0,
            "only unreferenced blocks with pages are queued", "block", b.value);
    require(blocks_[block.next.index()].previous == b && blocks_[block.previous.index()].next == b,
            "the queue's links agree", "block", b.value);
    pages += block_pages(block.group);
  }
  require(queued == queued_ && pages == queued_pages_, "the queue is counted", "blocks", queued);
  for (std::uint32_t b = 0; b < blocks_max(); ++b) {
    if (!blocks_[b].blank && blocks_[b].references == 0) --queued;
  }
  require(queued == 0, "every unreferenced block with pages is queued", "blocks", queued);
}

void BlockPool::check_cache() const {
  std::uint32_t cached = 0;
  for (std::size_t i = 0; i < twins_.size(); ++i) {
    const auto prefix = static_cast<std::uint32_t>(i / block_pages_.size());
    BlockId previous = no_block;
    for (BlockId b = twins_[i].first; b != no_block; b = blocks_[b.index()].twin_next) {
      const Block& block = blocks_[b.index()];
      require(++cached <= blocks_max() && block.twin_previous == previous, "the links of equal blocks agree",
              "block", b.value);
      require(block.prefix == PrefixId{prefix} && block.group.index() == i % block_pages_.size(),
              "a cached block is listed under its prefix and group", "block", b.value);
      require(prefixes_.references(block.prefix) > 0, "a cached block's prefix is alive", "block", b.value);
      previous = b;
    }
    require(twins_[i].last == previous, "a list of equal blocks ends with the last", "prefix", prefix);
  }
  for (std::uint32_t b = 0; b < blocks_max(); ++b) cached -= blocks_[b].prefix != no_prefix ? 1 : 0;
  require(cached == 0, "every cached block is listed", "blocks", cached);
}

}  // namespace prophet
