#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/kv/kv_cache.hpp"

namespace prophet::testing_support {

/// Every token sequence that was ever seen, exactly: a node is one token behind its parent. A node's number
/// names all tokens up to it, without any hash.
class TokenTrie {
 public:
  explicit TokenTrie(std::uint32_t vocabulary) : vocabulary_(vocabulary) { (void)add(); }

  [[nodiscard]] std::uint32_t child(std::uint32_t parent, std::uint32_t token) {
    std::uint32_t& place = children_[std::size_t{parent} * vocabulary_ + token];
    if (place != 0) return place;
    const std::uint32_t added = add();
    return children_[std::size_t{parent} * vocabulary_ + token] = added;
  }
  /// A token like no other.
  [[nodiscard]] std::uint32_t add() {
    children_.resize(children_.size() + vocabulary_);
    return size_++;
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

 private:
  std::uint32_t vocabulary_;
  std::uint32_t size_ = 0;
  std::vector<std::uint32_t> children_;  ///< [nodes, vocabulary] 0: none
};

/// What a run came across: a test of nothing passes too.
struct KvEvents {
  std::uint64_t admitted = 0;
  std::uint64_t shared_tokens = 0;
  std::uint64_t not_admitted = 0;
  std::uint64_t grown = 0;
  std::uint64_t not_grown = 0;
  std::uint64_t copied_blocks = 0;
  std::uint64_t left_window = 0;
  std::uint64_t swapped_out = 0;
  std::uint64_t not_swapped_out = 0;
  std::uint64_t swapped_in = 0;
  std::uint64_t not_swapped_in = 0;
  std::uint64_t evicted = 0;
  std::uint64_t moved_pages = 0;
  std::uint64_t reclaimed_without_moves = 0;
  std::uint64_t forgotten_for_room = 0;
  std::uint64_t deferred = 0;
  std::uint64_t no_room = 0;
  std::uint64_t dropped_plans = 0;
};

/// What KvCache promises, said again with plain vectors that are searched and counted. It follows a real
/// cache call by call: the choices that are nobody's business (which blank block, which free page) it takes
/// over, everything else it foretells. Throws std::logic_error at the first difference.
///
/// It also is the device: what lies in each page is a number for each token, which says whose it is; it does
/// the copies that calls ask for, and reads back.
class NaiveKv {
 public:
  NaiveKv(const KvCache& real, std::uint32_t vocabulary, KvEvents& events);

  // Each is told what the real cache has just answered.
  void admitted(const std::vector<std::uint32_t>& prompt, std::uint32_t chunk, std::uint32_t key,
                const std::optional<KvAdmitted>& answer);
  void admitted_unnamed(std::uint32_t tokens, const std::optional<KvAdmitted>& answer);
  void appended(KvSequenceId sequence, const std::vector<std::uint32_t>& tokens, const KvAppended& answer);
  void appended_unnamed(KvSequenceId sequence, std::uint32_t tokens, const KvAppended& answer);
  void window_released(KvSequenceId sequence);
  void forked(KvSequenceId sequence, const std::optional<KvSequenceId>& answer);
  void freed(KvSequenceId sequence);
  void swapped_out(KvSequenceId sequence, const std::optional<std::span<const KvSwap>>& answer);
  void swapped_in(KvSequenceId sequence, const std::optional<std::span<const KvSwap>>& answer);
  void forgotten_all();

  void added(SlabId slab);
  void planned(SlabId slab, const ReclaimPlan& plan);
  void committed(SlabId slab, bool is_out);
  void finished(SlabId slab);
  void step_begun(std::uint64_t step) {
    has_plan_ = false;
    begun_ = step + 1;
  }
  void step_ended(std::uint64_t step) {
    has_plan_ = false;
    ended_ = step + 1;
  }

  /// Tokens at the start of `prompt` that a new sequence would share.
  [[nodiscard]] std::uint32_t shared(const std::vector<std::uint32_t>& prompt, std::uint32_t key);
  [[nodiscard]] std::int64_t pages_to_append(KvSequenceId sequence, std::uint32_t tokens) const;

  /// Reads back every token of a sequence.
  void read(KvSequenceId sequence) const;
  /// Everything there is to compare.
  void compare_all() const;

  [[nodiscard]] bool is_alive(KvSequenceId sequence) const { return sequences_[sequence.index()].alive; }
  [[nodiscard]] bool is_out(KvSequenceId sequence) const { return sequences_[sequence.index()].out; }
  [[nodiscard]] std::uint32_t tokens(KvSequenceId sequence) const {
    return static_cast<std::uint32_t>(sequences_[sequence.index()].history.size()) - 1;
  }
  enum class SlabState : std::uint8_t { away, lent, leaving };
  [[nodiscard]] SlabState slab(SlabId slab) const { return slabs_[slab.index()]; }
  [[nodiscard]] bool has_plan() const noexcept { return has_plan_; }
  [[nodiscard]] SlabId planned_slab() const noexcept { return planned_; }

 private:
  struct Block {
    std::uint32_t references = 0;
    std::uint32_t group = 0;
    std::uint32_t prefix = 0;  ///< trie node; 0: not cached
    bool spent = false;        ///< in the queue, and was not cached when it came there
    std::uint64_t released = 0;
    std::vector<std::uint32_t> pages;  ///< empty: blank
  };
  struct Sequence {
    bool alive = false;
    bool out = false;
    std::vector<std::uint32_t> history;              ///< trie nodes, the first is the key's
    std::vector<std::vector<std::uint32_t>> tables;  ///< by group, none: left the window
    std::uint32_t state = none;
    bool named = true;
    std::uint32_t host_pages = 0;
  };

  static constexpr std::uint32_t none = ~std::uint32_t{0};

  void fail(const std::string& what) const;
  void expect(bool holds, const char* what) const {
    if (!holds) fail(what);
  }

  [[nodiscard]] const KvGroup& kind(std::size_t group) const { return real_.geometry().groups[group]; }
  [[nodiscard]] std::size_t groups() const { return real_.geometry().groups.size(); }
  [[nodiscard]] std::uint32_t block_pages(std::uint32_t group) const;
  [[nodiscard]] std::uint32_t loose_pages() const;
  [[nodiscard]] std::uint32_t free_pages() const;
  [[nodiscard]] bool is_cached(std::size_t group, std::uint32_t prefix) const;
  [[nodiscard]] std::uint32_t first_needed(std::size_t group, std::uint32_t tokens) const;
  [[nodiscard]] std::vector<std::uint32_t> history_of(const std::vector<std::uint32_t>& prompt,
                                                      std::uint32_t key);
  [[nodiscard]] std::uint32_t shared(const std::vector<std::uint32_t>& history) const;
  [[nodiscard]] std::uint32_t on_device() const;
  [[nodiscard]] std::uint32_t watermark() const {
    return on_device() > 0 ? real_.options().watermark_pages : 0;
  }
  [[nodiscard]] KvSequenceId new_sequence() const;
  [[nodiscard]] std::uint32_t real_entry(KvSequenceId sequence, std::size_t group, std::size_t block) const;

  void take(std::uint32_t group, std::uint32_t block);
  void own(std::uint32_t block, std::uint32_t group);
  void blank_out(std::uint32_t block);
  void uncache(std::uint32_t block, bool counts);
  void refer(std::uint32_t block);
  void release(const std::vector<std::uint32_t>& blocks);
  void cache(std::uint32_t block, std::uint32_t prefix);
  [[nodiscard]] std::uint32_t pages_wanted(const Sequence& sequence, std::uint32_t tokens) const;
  [[nodiscard]] std::uint32_t pages_left(const Sequence& sequence) const;
  [[nodiscard]] bool must_copy(std::uint32_t block) const { return blocks_[block].references > 1; }
  void leave_window(Sequence& sequence);
  void grow(KvSequenceId id, const std::vector<std::uint32_t>& nodes, bool named, const KvAppended& answer);
  void extend(KvSequenceId id, const std::vector<std::uint32_t>& nodes, bool named);
  void name_blocks(Sequence& sequence, std::size_t group, std::uint32_t first_token);
  void release_all(Sequence& sequence);
  [[nodiscard]] std::vector<std::uint32_t> pages_of(const Sequence& sequence) const;

  // The device.
  [[nodiscard]] std::uint64_t content(std::uint32_t node, std::uint32_t group, std::uint32_t layer) const {
    return (std::uint64_t{node} << 16) + (group << 8) + layer + 1;
  }
  void poison(std::uint32_t page);
  void copy(std::uint32_t from, std::uint32_t to);
  void write(KvSequenceId id, std::uint32_t first_token);

  void read_group(const Sequence& sequence, std::size_t group) const;
  void compare_sequence(KvSequenceId id) const;

  const KvCache& real_;
  KvEvents& events_;
  TokenTrie trie_;
  std::vector<Block> blocks_;
  std::vector<Sequence> sequences_;
  std::vector<std::uint32_t> queue_;
  std::vector<std::vector<std::vector<std::uint32_t>>>
      cached_;  ///< by group and trie node: blocks, oldest first
  std::vector<SlabState> slabs_;
  std::vector<std::uint32_t> owners_;    ///< by page: block, or none
  std::vector<std::uint64_t> released_;  ///< by page
  std::uint64_t evictions_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t ended_ = 0;

  bool has_plan_ = false;
  SlabId planned_;
  std::vector<PageCopy> moves_;
  std::vector<std::uint32_t> dropped_;

  std::uint32_t page_tokens_max_;
  std::vector<std::uint64_t> device_;  ///< [pages, page_tokens_max_]
  std::vector<std::uint64_t> host_;    ///< [slots, page_tokens_max_]
};

}  // namespace prophet::testing_support
