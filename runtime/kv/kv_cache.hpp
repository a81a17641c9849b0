#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "prophet/ids.hpp"
#include "runtime/kv/block_pool.hpp"
#include "runtime/kv/host_slots.hpp"
#include "runtime/kv/kv_geometry.hpp"

namespace prophet {

struct KvCacheOptions {
  std::uint32_t sequences_max = 256;
  std::uint32_t context_tokens_max = 1U << 17;  ///< of one sequence
  std::uint32_t host_slots = 0;                 ///< pages of host memory to swap to
  std::uint32_t watermark_pages = 0;            ///< admission leaves so many pages free for those who grow
  bool prefix_caching = true;                   ///< off for models with recurrent state, whatever this says
  std::uint32_t prefixes_max = 0;               ///< see BlockPoolOptions
  PrefixHash hash = hash_page;
};

struct KvAdmitted {
  KvSequenceId sequence;
  std::uint32_t shared_tokens = 0;  ///< at the start of the prompt: need not be computed
};

/// What became of a wish for more tokens.
struct KvAppended {
  bool done = false;                 ///< false: there is no room, and nothing has changed
  std::span<const PageCopy> copies;  ///< shared pages that are written now: copy them first
  [[nodiscard]] explicit operator bool() const noexcept { return done; }
};

/// One page between device and host.
struct KvSwap {
  PageId page;
  HostSlotId slot;
  friend bool operator==(const KvSwap&, const KvSwap&) = default;
};

/// The sequences of a model and their block tables, over the pages of lent slabs. Integers only: no device,
/// no bytes; the caller copies pages and runs kernels, in the order of the calls (see BlockPool). One thread.
/// No allocation after construction. Spans that calls return are valid until the next call.
///
/// A sequence holds, for each group, a table of blocks: block i has its tokens from i * page_tokens on, and
/// entries that have left the group's window are no_block. Blocks that are full of known tokens are cached,
/// as soon as the tokens are appended, and are shared with sequences whose tokens are the same from the first
/// one on; as in vLLM, a block that fills while an equal one is cached is cached beside it and keeps its
/// place. Recurrent state lies in one more block, of group state_group().
///
/// Every call either does all that it says, or nothing and says so. Calls for a sequence that is not there,
/// or (but for free and swap_in) is swapped out, throw Error{check_failed}.
class KvCache {
 public:
  /// No slab is lent yet: pool().add_slab. Throws Error{usage} for a geometry that does not hold or does not
  /// fit the grid, and for options beyond their limits.
  KvCache(const KvGeometry& geometry, const PageGrid& grid, const KvCacheOptions& options);
  ~KvCache();
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  /// How many tokens at the start of `prompt` are cached: a multiple of every page_tokens, and less than
  /// prompt.size(), because one token at least must be computed. As vLLM looks it up: full groups need every
  /// page, windowed ones those that the next token attends to.
  [[nodiscard]] std::uint32_t find_prefix(std::span<const std::uint32_t> prompt,
                                          std::uint64_t extra_key = 0) const noexcept;

  /// Begins a sequence: shares what is cached of `prompt`, then appends its next tokens, at most
  /// `chunk_tokens` (a prefill goes on with append). Nothing when sequences_max are here, when there are not
  /// the pages, or when fewer than watermark_pages would stay free; the last is not asked when no other
  /// sequence is on the device. Throws Error{usage} for no tokens, or more than context_tokens_max in the
  /// prompt.
  [[nodiscard]] std::optional<KvAdmitted> admit(std::span<const std::uint32_t> prompt,
                                                std::uint32_t chunk_tokens = ~std::uint32_t{0},
                                                std::uint64_t extra_key = 0);
  /// Begins a sequence that shares nothing, with `tokens` tokens that have no names.
  [[nodiscard]] std::optional<KvAdmitted> admit_unnamed(std::uint32_t tokens);

  /// Room for these tokens behind those of the sequence. First what the tokens so far no longer attend to
  /// leaves windowed groups (release_window), then new blocks are taken, group by group; a shared block that
  /// would be written is replaced by a copy. Throws Error{usage} beyond context_tokens_max.
  [[nodiscard]] KvAppended append(KvSequenceId sequence, std::span<const std::uint32_t> tokens);
  /// The same for tokens without names, as where only lengths are known: the sequence caches no more blocks.
  [[nodiscard]] KvAppended append_unnamed(KvSequenceId sequence, std::uint32_t tokens);
  /// Gives back the blocks that no token to come attends to. append does it, if it is done at all.
  void release_window(KvSequenceId sequence);

  /// A second sequence with the same tokens, in the same blocks; who writes first, copies. Nothing when
  /// sequences_max are here.
  [[nodiscard]] std::optional<KvSequenceId> fork(KvSequenceId sequence);
  /// The sequence ends, is cancelled, or is preempted to be computed again: its blocks go back, the last
  /// first, and what was cached of them can still be found. Host slots too.
  void free(KvSequenceId sequence);

  /// Preempts a sequence to the host: the pages to copy there, after which its blocks are given back as by
  /// free. Nothing when there are not the slots.
  [[nodiscard]] std::optional<std::span<const KvSwap>> swap_out(KvSequenceId sequence);
  /// Brings it back: the slots to copy, in new blocks that are shared with nobody; full ones are cached
  /// again. Nothing when there are not the pages, or fewer than watermark_pages would stay free; the last is
  /// not asked when no other sequence is on the device. Throws Error{check_failed} when it is not swapped
  /// out.
  [[nodiscard]] std::optional<std::span<const KvSwap>> swap_in(KvSequenceId sequence);

  [[nodiscard]] bool is_here(KvSequenceId sequence) const noexcept;
  [[nodiscard]] bool is_swapped_out(KvSequenceId sequence) const noexcept;
  [[nodiscard]] std::uint32_t tokens(KvSequenceId sequence) const noexcept;
  /// [ceil(tokens / page_tokens)], no_block for what has left the window. Empty when swapped out.
  [[nodiscard]] std::span<const BlockId> blocks(KvSequenceId sequence, KvGroupId group) const noexcept;
  /// The block of recurrent state, or no_block where the model has none or the sequence is swapped out.
  [[nodiscard]] BlockId state_block(KvSequenceId sequence) const noexcept;
  /// One layer's row of a block table for the kernels: the page of every block, `left` where it has left the
  /// window. Returns the number of blocks; writes no more than pages.size().
  std::uint32_t copy_page_table(KvSequenceId sequence, KvGroupId group, std::uint32_t layer,
                                std::span<std::uint32_t> pages, std::uint32_t left = 0) const noexcept;

  /// Pages that append would take from the free ones, less those it would set free (may be negative).
  [[nodiscard]] std::int64_t pages_to_append(KvSequenceId sequence, std::uint32_t tokens) const noexcept;

  [[nodiscard]] std::uint32_t sequences() const noexcept { return alive_; }
  [[nodiscard]] const KvGeometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] const KvCacheOptions& options() const noexcept { return options_; }
  [[nodiscard]] KvGroupId state_group() const noexcept {
    return KvGroupId{static_cast<std::uint32_t>(geometry_.groups.size())};
  }
  [[nodiscard]] const HostSlots& host() const noexcept { return host_; }
  /// The boundary, the steps and the figures: see BlockPool. Block tables name blocks, so that nothing else
  /// needs to know of moved pages. Blocks are taken and given back by sequences only.
  [[nodiscard]] BlockPool& pool() noexcept { return pool_; }
  [[nodiscard]] const BlockPool& pool() const noexcept { return pool_; }

  /// Throws Error{check_failed} that names the first broken invariant: those of the pool; references are
  /// those of tables; tables are as long as their tokens; host slots belong to one sequence. O(everything).
  void check_invariants() const;

 private:
  enum class State : std::uint8_t { absent, here, swapped_out };

  struct Sequence {
    State state = State::absent;
    std::uint32_t tokens = 0;
    std::uint64_t extra_key = 0;
    BlockId state_block = no_block;
    HostSlotId slots = no_host_slot;  ///< chain of its pages, while it is swapped out
    std::uint32_t next_absent = 0;
  };
  /// Of one sequence and group.
  struct Lane {
    std::uint32_t blocks = 0;   ///< table entries in use
    std::uint32_t left = 0;     ///< of those, so many at the start have left the window
    PrefixId tail = no_prefix;  ///< of the last full block, referred to; or unnamed: caches no more
  };
  /// What an append takes and sets free, in pages.
  struct Demand {
    std::uint64_t wanted = 0;
    std::uint64_t freed = 0;
  };

  static constexpr PrefixId unnamed{no_prefix.value - 1};

  [[nodiscard]] std::size_t groups() const noexcept { return geometry_.groups.size(); }
  [[nodiscard]] Lane& lane(KvSequenceId sequence, std::size_t group) noexcept;
  [[nodiscard]] const Lane& lane(KvSequenceId sequence, std::size_t group) const noexcept;
  [[nodiscard]] BlockId* table(KvSequenceId sequence, std::size_t group) const noexcept;
  [[nodiscard]] std::uint32_t* last_tokens(KvSequenceId sequence) const noexcept;
  [[nodiscard]] Sequence& require_here(KvSequenceId sequence);

  void require_context(std::uint32_t tokens, std::uint64_t more) const;
  [[nodiscard]] KvGroupId group_id(std::size_t group) const noexcept {
    return KvGroupId{static_cast<std::uint32_t>(group)};
  }

  [[nodiscard]] bool leaves_watermark(std::uint64_t wanted) const noexcept;
  [[nodiscard]] std::uint64_t first_pages(std::uint32_t shared, std::uint32_t tokens) const noexcept;
  [[nodiscard]] KvSequenceId begin_sequence(std::uint64_t extra_key) noexcept;
  void end_sequence(KvSequenceId sequence) noexcept;

  [[nodiscard]] std::uint32_t pages_attended(std::size_t group) const noexcept;
  [[nodiscard]] std::uint32_t shared_in(std::size_t group, std::span<const std::uint32_t> tokens,
                                        std::uint64_t extra_key) const noexcept;
  [[nodiscard]] std::uint32_t list_shared(KvSequenceId sequence, std::span<const std::uint32_t> shared,
                                          std::uint64_t extra_key) noexcept;
  void share(KvSequenceId sequence, std::span<const std::uint32_t> shared) noexcept;
  void name_tokens(KvSequenceId sequence, std::span<const std::uint32_t> tokens) noexcept;
  void name_blocks(KvSequenceId sequence, std::size_t group, std::uint32_t begin,
                   std::span<const std::uint32_t> tokens) noexcept;
  void name_block(KvSequenceId sequence, std::size_t group, std::uint32_t block,
                  std::span<const std::uint32_t> tokens) noexcept;
  void stop_naming(KvSequenceId sequence) noexcept;

  [[nodiscard]] std::uint32_t first_needed(std::size_t group, std::uint32_t tokens) const noexcept;
  [[nodiscard]] bool writes_shared_block(KvSequenceId sequence, std::size_t group) const noexcept;
  [[nodiscard]] Demand demand(KvSequenceId sequence, std::uint32_t tokens) const noexcept;
  [[nodiscard]] bool grow(KvSequenceId sequence, std::uint32_t tokens);
  void take_blocks(KvSequenceId sequence, std::uint32_t tokens) noexcept;
  void replace_by_copy(BlockId& block) noexcept;
  void release_entries(KvSequenceId sequence, std::size_t group, std::uint32_t first,
                       std::uint32_t end) noexcept;
  void release_blocks(KvSequenceId sequence) noexcept;

  [[nodiscard]] std::uint32_t pages_of(KvSequenceId sequence) const noexcept;
  void push_block(KvSequenceId sequence, BlockId block) noexcept;
  void pop_block(KvSequenceId sequence, BlockId block) noexcept;
  void name_again(KvSequenceId sequence, std::size_t group) noexcept;

  void check_sequence(KvSequenceId sequence, std::vector<std::uint32_t>& block_references,
                      std::vector<std::uint32_t>& prefix_references) const;
  void check_references(const std::vector<std::uint32_t>& block_references,
                        std::vector<std::uint32_t>& prefix_references) const;
  void check_host() const;

  struct Unmap {
    void operator()(void* rows) const noexcept { std::free(rows); }
  };
  template <class Entry>
  using Rows = std::unique_ptr<Entry[], Unmap>;  ///< memory that costs nothing until it is written

  KvGeometry geometry_;
  KvCacheOptions options_;
  BlockPool pool_;
  HostSlots host_;
  std::vector<Sequence> sequences_;  ///< [sequences]
  std::vector<Lane> lanes_;          ///< [sequences, groups]
  std::uint32_t page_tokens_max_ = 1;
  std::vector<std::uint32_t> first_entry_;  ///< [groups] of a sequence's tables
  std::uint32_t entries_ = 0;               ///< of one sequence, all groups
  Rows<BlockId> tables_;                    ///< [sequences, entries_]
  Rows<std::uint32_t> last_tokens_;  ///< [sequences, page_tokens_max_] the newest, at tokens modulo that
  std::vector<BlockId> reversed_;
  std::vector<PageCopy> copies_;
  std::vector<KvSwap> swaps_;
  std::uint32_t first_absent_ = 0;
  std::uint32_t alive_ = 0;
  std::uint32_t here_ = 0;
};

}  // namespace prophet
