#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "prophet/ids.hpp"
#include "runtime/kv/prefix_tree.hpp"
#include "runtime/memory/page_grid.hpp"
#include "runtime/memory/page_pool.hpp"

namespace prophet {

/// Position among KvGeometry::groups.
using KvGroupId = Id<struct KvGroupTag>;

inline constexpr BlockId no_block{~std::uint32_t{0}};

struct BlockPoolOptions {
  std::vector<std::uint32_t> block_pages;  ///< [groups] pages of one block: the group's layers
  std::uint32_t page_tokens_max = 1;       ///< of the groups that cache
  std::uint32_t prefixes_max = 0;          ///< nodes of the prefix tree; 0: as many as blocks, and a quarter
  PrefixHash hash = hash_page;
};

/// How a lent slab would be emptied.
struct ReclaimPlan {
  enum class Outcome : std::uint8_t {
    ready,     ///< commit_reclaim will do it
    deferred,  ///< a running step uses pages of the slab: ask again when it has ended
    no_room,   ///< the other lent slabs cannot take what is live here
  };
  Outcome outcome = Outcome::no_room;
  std::span<const PageCopy> moves;  ///< live pages, each to a page of another slab; all different
  std::uint32_t forgotten = 0;  ///< unreferenced blocks that lose their pages: here, and for room elsewhere
};

/// Blocks over the pages of lent slabs: reference counts, the cache of full blocks, and the queue of those
/// nobody refers to, in exactly the order of vLLM's block pool. Integers only: no device, no bytes. One
/// thread. No allocation after construction.
///
/// A block is `block_pages` pages of its group, one a layer. It is
///  - blank: without pages; it is no more than an id;
///  - unreferenced: in the queue. It keeps its pages, and what they hold if it is cached, until it is needed;
///  - referenced by sequences.
/// A new block takes pages that no block has, while there are enough of them (blank ids ascend at first);
/// then the block at the head of the queue, which is forgotten if it was cached. Blocks enter the queue at
/// its tail when their last reference goes; a hit takes them out again. Where groups have blocks of different
/// sizes, as many blocks leave at the head as have the pages that are wanted.
///
/// The order of the calls is the order on the device: what a caller submits for a call (copies, kernels that
/// write a new block) it submits before what it submits for later ones, on streams that keep that order.
///
/// Invariants, checked by check_invariants() and asserted in the destructor:
///  - a page belongs to one block or is free in the page pool; a blank block has none;
///  - a block is in the queue if and only if it has pages and no references;
///  - a cached block is in the list of its prefix and group, once, and holds one reference to the prefix;
///  - no page of a slab that was reclaimed belongs to a block, nor is given out before it is lent again.
class BlockPool {
 public:
  /// No slab is lent yet. Throws Error{usage} when there are no groups, or a block is larger than all slabs.
  BlockPool(const PageGrid& grid, const BlockPoolOptions& options);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // --- Blocks.

  /// Fills `blocks` with blocks of one reference each, or does nothing and is false when free_pages() are not
  /// enough.
  [[nodiscard]] bool allocate(KvGroupId group, std::span<BlockId> blocks) noexcept;
  /// One more reference to each, in order; those in the queue leave it. REQUIRES: not blank.
  void touch(std::span<const BlockId> blocks) noexcept;
  /// One less for each, in order: those that nobody refers to any more go to the queue's tail. A sequence
  /// gives its blocks back last to first. REQUIRES: referenced.
  void release(std::span<const BlockId> blocks) noexcept;

  /// The block's pages hold `prefix`, which has one reference more from now on. REQUIRES: referenced, not
  /// cached, prefix alive.
  void cache(BlockId block, PrefixId prefix) noexcept;
  /// Of the blocks of `group` cached for `prefix` the one cached first, referenced or not; or no_block.
  [[nodiscard]] BlockId find(KvGroupId group, PrefixId prefix) const noexcept;
  /// Nothing is cached any more, whatever is referenced; the queue keeps its order.
  void forget_all() noexcept;

  /// [block_pages] of its group, a layer each; empty for a blank block. Valid until the next call.
  [[nodiscard]] std::span<const PageId> pages(BlockId block) const noexcept;
  [[nodiscard]] std::uint32_t references(BlockId block) const noexcept {
    return blocks_[block.index()].references;
  }
  [[nodiscard]] KvGroupId group(BlockId block) const noexcept { return blocks_[block.index()].group; }
  /// no_prefix when it is not cached.
  [[nodiscard]] PrefixId prefix(BlockId block) const noexcept { return blocks_[block.index()].prefix; }

  // --- The boundary. Not for the token path.

  /// The pages of a slab that was lent to us are free from now on. Throws Error{check_failed} when it is
  /// here.
  void add_slab(SlabId slab);
  /// How `slab` can be emptied, O(its pages): unreferenced blocks with pages here are forgotten, pages of
  /// referenced ones move to pages of other slabs: free ones first, then those of blocks at the queue's head.
  /// Changes nothing. While a step runs, a slab that has pages of referenced blocks, or pages that lost their
  /// last reference since the oldest running step began, is deferred as a whole. Throws Error{check_failed}
  /// when the slab is not here. The plan is valid until the next call that changes anything.
  [[nodiscard]] ReclaimPlan plan_reclaim(SlabId slab);
  /// Carries out the plan just made for `slab`, whose copies the caller has submitted: from now on blocks
  /// name the new pages. True when the slab had no moves: it is the caller's. Otherwise its pages are given
  /// to nobody until finish_reclaim. A caller that cannot submit the copies does not commit: nothing has
  /// changed. Throws Error{check_failed} when there is no such plan, or something has changed since.
  bool commit_reclaim(SlabId slab);
  /// The copies out of `slab` are done, or whoever writes there next waits for them: it is the caller's.
  /// Throws Error{check_failed} when no moves of it are under way.
  void finish_reclaim(SlabId slab);

  /// A step that uses referenced blocks has been submitted / has ended. Steps begin and end in ascending
  /// order, several may run. Throw Error{check_failed} otherwise.
  void begin_step(std::uint64_t step);
  void end_step(std::uint64_t step);
  [[nodiscard]] bool is_running() const noexcept { return begun_ != ended_; }

  // --- Figures.

  /// Pages that blocks can be made of: without a block, or of blocks in the queue.
  [[nodiscard]] std::uint32_t free_pages() const noexcept { return queued_pages_ + pages_.free_pages(); }
  /// Pages of lent slabs, without those that are being reclaimed.
  [[nodiscard]] std::uint32_t lent_pages() const noexcept;
  /// Pages of referenced blocks.
  [[nodiscard]] std::uint32_t referenced_pages() const noexcept { return lent_pages() - free_pages(); }
  /// Pages of referenced blocks in one slab: what a reclaim would have to move. O(pages of the slab).
  [[nodiscard]] std::uint32_t referenced_pages(SlabId slab) const noexcept;
  [[nodiscard]] std::uint32_t queued_blocks() const noexcept { return queued_; }
  /// The queue from its head, at most queue.size() of it; returns how many there are.
  std::uint32_t copy_queue(std::span<BlockId> queue) const noexcept;
  /// Cached blocks that were forgotten to make room, so far.
  [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }
  [[nodiscard]] std::uint32_t blocks_max() const noexcept {
    return static_cast<std::uint32_t>(blocks_.size() - 1);
  }
  [[nodiscard]] std::uint32_t block_pages(KvGroupId group) const noexcept {
    return block_pages_[group.index()];
  }
  [[nodiscard]] PrefixTree& prefixes() noexcept { return prefixes_; }
  [[nodiscard]] const PrefixTree& prefixes() const noexcept { return prefixes_; }
  [[nodiscard]] const PagePool& page_pool() const noexcept { return pages_; }

  /// Throws Error{check_failed} that names the first broken invariant. O(pages + blocks).
  void check_invariants() const;

 private:
  static constexpr std::uint32_t nobody = ~std::uint32_t{0};

  struct Block {
    std::uint32_t references = 0;
    KvGroupId group;
    PrefixId prefix = no_prefix;
    BlockId previous = no_block;  ///< in the queue
    BlockId next = no_block;      ///< in the queue, or the next blank one
    BlockId twin_previous = no_block;
    BlockId twin_next = no_block;
    bool blank = true;
    std::uint64_t released_in = 0;  ///< begun_ when the last reference went
    std::uint64_t dropped_in = 0;   ///< the plan that would forget it
  };
  /// Blocks of one group cached for one prefix, the first cached in front.
  struct Twins {
    BlockId first = no_block;
    BlockId last = no_block;
  };

  [[nodiscard]] Twins& twins(KvGroupId group, PrefixId prefix) noexcept;
  [[nodiscard]] std::span<PageId> row(BlockId block) noexcept;
  [[nodiscard]] BlockId take_block(KvGroupId group) noexcept;
  [[nodiscard]] BlockId fill_blank(KvGroupId group) noexcept;
  void blank_out(BlockId block) noexcept;
  void make_blank(BlockId block) noexcept;
  void disown(PageId page, std::uint64_t step) noexcept;
  void enqueue(BlockId block) noexcept;
  void dequeue(BlockId block) noexcept;
  void uncache(BlockId block) noexcept;
  void forget(BlockId block) noexcept;

  [[nodiscard]] bool is_in_use(std::uint64_t released_in) const noexcept { return released_in > ended_; }
  [[nodiscard]] bool list_contents(SlabId slab) noexcept;
  void drop(BlockId block) noexcept;
  [[nodiscard]] bool find_room(SlabId slab) noexcept;
  [[nodiscard]] std::size_t list_targets(BlockId block, SlabId slab, std::size_t found,
                                         std::size_t wanted) noexcept;
  [[nodiscard]] std::size_t forget_pages(BlockId block, SlabId slab, std::size_t used) noexcept;
  void move_page(const PageCopy& move) noexcept;

  void check_pages() const;
  void check_blocks() const;
  void check_queue() const;
  void check_cache() const;

  PagePool pages_;
  std::vector<std::uint32_t> block_pages_;  ///< [groups]
  std::uint32_t row_pages_;                 ///< most pages that a block has
  std::vector<Block> blocks_;               ///< [blocks + 1]: the last one is both ends of the queue
  std::vector<PageId> rows_;                ///< [blocks, row_pages_]
  std::vector<std::uint32_t> owners_;       ///< [pages] place in rows_, or nobody
  PrefixTree prefixes_;
  std::vector<Twins> twins_;  ///< [prefixes, groups]
  BlockId ends_;
  BlockId blank_ = no_block;
  std::uint32_t queued_ = 0;
  std::uint32_t queued_pages_ = 0;
  std::uint64_t evictions_ = 0;

  // Steps are kept as their number and 1, so that 0 is before the first.
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;
  std::vector<std::uint64_t> released_in_;  ///< [slabs] newest of the pages that lost their block

  // The plan. Blocks are marked with its number.
  std::uint64_t plans_ = 0;
  std::uint64_t changes_ = 0;     ///< whatever changes anything counts itself here
  std::uint64_t planned_at_ = 0;  ///< changes_ then
  SlabId planned_slab_;
  bool has_plan_ = false;
  std::vector<PageCopy> moves_;
  std::vector<PageId> targets_;      ///< [pages_per_slab] of moves_, in order: first those of no block
  std::uint32_t loose_targets_ = 0;  ///< how many those are
  std::vector<BlockId> dropped_;     ///< in the order in which the others are theirs
  std::uint32_t leaving_ = 0;        ///< slabs whose moves are under way
};

}  // namespace prophet
