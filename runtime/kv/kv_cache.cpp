#include "runtime/kv/kv_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <new>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

constexpr std::uint32_t no_sequence = ~std::uint32_t{0};

KvCacheOptions checked_options(KvCacheOptions options, const KvGeometry& geometry, const PageGrid& grid) {
  geometry.check();
  const auto require = [](const char* field, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
    if (value >= least && value <= most) return;
    throw Error(ErrorCode::usage,
                fmt::format("KV cache: {} is {}: expected {} to {}", field, value, least, most));
  };
  require("page_bytes of the grid", grid.page_bytes, geometry.page_bytes, geometry.page_bytes);
  require("sequences_max", options.sequences_max, 1, limits::kv_sequences_max);
  require("context_tokens_max", options.context_tokens_max, 1, limits::context_tokens_max);
  require("host_slots", options.host_slots, 0, limits::kv_pages_max);
  options.prefix_caching &= geometry.state_bytes == 0;
  return options;
}

std::uint32_t largest_page_tokens(const KvGeometry& geometry) {
  std::uint32_t largest = 1;
  for (const KvGroup& group : geometry.groups) largest = std::max(largest, group.page_tokens);
  return largest;
}

BlockPoolOptions pool_options(const KvGeometry& geometry, const KvCacheOptions& options) {
  BlockPoolOptions pool;
  for (const KvGroup& group : geometry.groups) pool.block_pages.push_back(group.layers);
  if (geometry.state_bytes > 0) pool.block_pages.push_back(geometry.state_pages());
  pool.page_tokens_max = largest_page_tokens(geometry);
  pool.prefixes_max = options.prefix_caching ? options.prefixes_max : 1;
  pool.hash = options.hash;
  return pool;
}

/// What all tables of a sequence take, and where each begins.
std::uint32_t place_tables(const KvGeometry& geometry, const KvCacheOptions& options,
                           std::vector<std::uint32_t>& first_entry) {
  std::uint64_t entries = 0;
  for (const KvGroup& group : geometry.groups) {
    first_entry.push_back(static_cast<std::uint32_t>(entries));
    entries += ceil_div(options.context_tokens_max, group.page_tokens);
  }
  if (entries > limits::context_tokens_max) {
    throw Error(ErrorCode::usage, fmt::format("KV cache: {} table entries a sequence: expected at most {}",
                                              entries, limits::context_tokens_max));
  }
  return static_cast<std::uint32_t>(entries);
}

void* zeroed(std::size_t count, std::size_t size) {
  void* const rows = std::calloc(count, size);
  if (rows == nullptr) {
    throw Error(ErrorCode::out_of_memory,
                fmt::format("KV cache: the host has no memory for {} table entries", count));
  }
  return rows;
}

}  // namespace

KvCache::KvCache(const KvGeometry& geometry, const PageGrid& grid, const KvCacheOptions& options)
    : geometry_(geometry),
      options_(checked_options(options, geometry, grid)),
      pool_(grid, pool_options(geometry, options_)),
      host_(options.host_slots),
      sequences_(options.sequences_max),
      lanes_(sequences_.size() * geometry.groups.size()),
      page_tokens_max_(largest_page_tokens(geometry)),
      entries_(place_tables(geometry, options, first_entry_)),
      tables_(static_cast<BlockId*>(zeroed(sequences_.size() * entries_, sizeof(BlockId)))),
      last_tokens_(
          static_cast<std::uint32_t*>(zeroed(sequences_.size() * page_tokens_max_, sizeof(std::uint32_t)))) {
  std::size_t written_pages = geometry.state_pages();
  for (const KvGroup& group : geometry.groups) written_pages += group.layers;
  copies_.reserve(written_pages);
  swaps_.reserve(std::min(options.host_slots, grid.pages()));
  reversed_.reserve(entries_ + 1);
  for (std::uint32_t s = 0; s < options.sequences_max; ++s) {
    sequences_[s].next_absent = s + 1 < options.sequences_max ? s + 1 : no_sequence;
  }
}

KvCache::~KvCache() {
#ifndef NDEBUG
  check_invariants();
#endif
}

KvCache::Lane& KvCache::lane(KvSequenceId sequence, std::size_t group) noexcept {
  return lanes_[sequence.index() * groups() + group];
}

const KvCache::Lane& KvCache::lane(KvSequenceId sequence, std::size_t group) const noexcept {
  return lanes_[sequence.index() * groups() + group];
}

BlockId* KvCache::table(KvSequenceId sequence, std::size_t group) const noexcept {
  return tables_.get() + sequence.index() * entries_ + first_entry_[group];
}

KvCache::Sequence& KvCache::require_here(KvSequenceId sequence) {
  if (!is_here(sequence)) {
    throw Error(ErrorCode::check_failed,
                fmt::format("KV cache: expected a sequence on the device, found {}", sequence.value));
  }
  return sequences_[sequence.index()];
}

/// The next absent sequence; its lanes are the caller's to fill.
KvSequenceId KvCache::begin_sequence(std::uint64_t extra_key) noexcept {
  const KvSequenceId id{first_absent_};
  Sequence& sequence = sequences_[id.index()];
  first_absent_ = sequence.next_absent;
  sequence = {State::here, 0, extra_key, no_block, no_host_slot, 0};
  ++alive_;
  ++here_;
  return id;
}

void KvCache::end_sequence(KvSequenceId id) noexcept {
  Sequence& sequence = sequences_[id.index()];
  stop_naming(id);
  if (sequence.state == State::here) --here_;
  --alive_;
  sequence.state = State::absent;
  sequence.next_absent = first_absent_;
  first_absent_ = id.value;
}

bool KvCache::leaves_watermark(std::uint64_t wanted) const noexcept {
  const std::uint64_t kept = here_ > 0 ? options_.watermark_pages : 0;
  return wanted + kept <= pool_.free_pages();
}

std::optional<KvAdmitted> KvCache::admit(std::span<const std::uint32_t> prompt, std::uint32_t chunk_tokens,
                                         std::uint64_t extra_key) {
  require_context(0, prompt.size());
  if (prompt.empty() || chunk_tokens == 0) {
    throw Error(ErrorCode::usage, "KV cache: a sequence without tokens: expected 1 or more");
  }
  if (first_absent_ == no_sequence) return std::nullopt;
  const std::uint32_t shared = find_prefix(prompt, extra_key);
  const auto left = static_cast<std::uint32_t>(prompt.size()) - shared;
  const std::uint32_t tokens = std::min(left, chunk_tokens);
  const KvSequenceId id{first_absent_};
  const std::uint32_t queued = list_shared(id, prompt.first(shared), extra_key);
  if (!leaves_watermark(queued + first_pages(shared, tokens))) return std::nullopt;
  (void)begin_sequence(extra_key);
  share(id, prompt.first(shared));
  take_blocks(id, tokens);
  name_tokens(id, prompt.subspan(shared, tokens));
  return KvAdmitted{id, shared};
}

std::optional<KvAdmitted> KvCache::admit_unnamed(std::uint32_t tokens) {
  require_context(0, tokens);
  if (tokens == 0) throw Error(ErrorCode::usage, "KV cache: a sequence without tokens: expected 1 or more");
  if (first_absent_ == no_sequence || !leaves_watermark(first_pages(0, tokens))) return std::nullopt;
  const KvSequenceId id = begin_sequence(0);
  (void)list_shared(id, {}, 0);
  take_blocks(id, tokens);
  stop_naming(id);
  return KvAdmitted{id, 0};
}

/// Pages that a new sequence takes for `tokens` behind `shared` ones.
std::uint64_t KvCache::first_pages(std::uint32_t shared, std::uint32_t tokens) const noexcept {
  return geometry_.sequence_pages(std::uint64_t{shared} + tokens) - geometry_.sequence_pages(shared) +
         geometry_.state_pages();
}

void KvCache::require_context(std::uint32_t tokens, std::uint64_t more) const {
  if (tokens + more <= options_.context_tokens_max) return;
  throw Error(ErrorCode::usage, fmt::format("KV cache: {} tokens are more than a sequence holds: expected at "
                                            "most {}",
                                            tokens + more, options_.context_tokens_max));
}

KvAppended KvCache::append(KvSequenceId id, std::span<const std::uint32_t> tokens) {
  const Sequence& sequence = require_here(id);
  require_context(sequence.tokens, tokens.size());
  if (!grow(id, static_cast<std::uint32_t>(tokens.size()))) return {};
  name_tokens(id, tokens);
  return {true, copies_};
}

KvAppended KvCache::append_unnamed(KvSequenceId id, std::uint32_t tokens) {
  const Sequence& sequence = require_here(id);
  require_context(sequence.tokens, tokens);
  if (!grow(id, tokens)) return {};
  if (tokens > 0) stop_naming(id);
  return {true, copies_};
}

/// First table entry that a token behind `tokens` attends to.
std::uint32_t KvCache::first_needed(std::size_t group, std::uint32_t tokens) const noexcept {
  const KvGroup& kind = geometry_.groups[group];
  if (kind.window_tokens == 0 || tokens < kind.window_tokens) return 0;
  return (tokens - kind.window_tokens + 1) / kind.page_tokens;
}

bool KvCache::writes_shared_block(KvSequenceId id, std::size_t group) const noexcept {
  const std::uint32_t tokens = sequences_[id.index()].tokens;
  const std::uint32_t page_tokens = geometry_.groups[group].page_tokens;
  return tokens % page_tokens != 0 && pool_.references(table(id, group)[tokens / page_tokens]) > 1;
}

KvCache::Demand KvCache::demand(KvSequenceId id, std::uint32_t tokens) const noexcept {
  const Sequence& sequence = sequences_[id.index()];
  Demand demand;
  for (std::size_t g = 0; g < groups(); ++g) {
    const Lane& lane = this->lane(id, g);
    const BlockId* const table = this->table(id, g);
    const std::uint64_t layers = geometry_.groups[g].layers;
    const std::uint64_t blocks =
        ceil_div(std::uint64_t{sequence.tokens} + tokens, geometry_.groups[g].page_tokens);
    demand.wanted += (blocks - lane.blocks + (writes_shared_block(id, g) ? 1 : 0)) * layers;
    for (std::uint32_t b = lane.left; b < first_needed(g, sequence.tokens); ++b) {
      demand.freed += pool_.references(table[b]) == 1 ? layers : 0;
    }
  }
  if (sequence.state_block != no_block && pool_.references(sequence.state_block) > 1) {
    demand.wanted += geometry_.state_pages();
  }
  return demand;
}

std::int64_t KvCache::pages_to_append(KvSequenceId id, std::uint32_t tokens) const noexcept {
  if (tokens == 0) return 0;
  const Demand demand = this->demand(id, tokens);
  return static_cast<std::int64_t>(demand.wanted) - static_cast<std::int64_t>(demand.freed);
}

/// Room for tokens that are to be named yet. False, and nothing changes, when there is none.
bool KvCache::grow(KvSequenceId id, std::uint32_t tokens) {
  copies_.clear();
  if (tokens == 0) return true;
  const Demand demand = this->demand(id, tokens);
  if (demand.wanted > pool_.free_pages() + demand.freed) return false;
  release_window(id);
  for (std::size_t g = 0; g < groups(); ++g) {
    if (!writes_shared_block(id, g)) continue;
    replace_by_copy(table(id, g)[sequences_[id.index()].tokens / geometry_.groups[g].page_tokens]);
  }
  BlockId& state = sequences_[id.index()].state_block;
  if (state != no_block && pool_.references(state) > 1) replace_by_copy(state);
  take_blocks(id, tokens);
  return true;
}

/// Blocks for `tokens` more, group by group, and the recurrent state's. REQUIRES: there are the pages.
void KvCache::take_blocks(KvSequenceId id, std::uint32_t tokens) noexcept {
  Sequence& sequence = sequences_[id.index()];
  bool taken = true;
  for (std::size_t g = 0; g < groups(); ++g) {
    Lane& lane = this->lane(id, g);
    const auto blocks = static_cast<std::uint32_t>(
        ceil_div(std::uint64_t{sequence.tokens} + tokens, geometry_.groups[g].page_tokens));
    const std::span<BlockId> more(table(id, g) + lane.blocks, blocks - lane.blocks);
    taken &= pool_.allocate(group_id(g), more);
    lane.blocks = blocks;
  }
  if (geometry_.state_bytes > 0 && sequence.state_block == no_block) {
    taken &= pool_.allocate(state_group(), std::span(&sequence.state_block, 1));
  }
  assert(taken);
  (void)taken;
  sequence.tokens += tokens;
}

/// The sequence alone writes to a block of the same contents.
void KvCache::replace_by_copy(BlockId& block) noexcept {
  const BlockId shared = block;
  const bool taken = pool_.allocate(pool_.group(shared), std::span(&block, 1));
  assert(taken);
  (void)taken;
  const std::span<const PageId> from = pool_.pages(shared);
  const std::span<const PageId> to = pool_.pages(block);
  for (std::size_t p = 0; p < from.size(); ++p) copies_.push_back({from[p], to[p]});
  pool_.release(std::span(&shared, 1));
}

void KvCache::release_window(KvSequenceId id) {
  const Sequence& sequence = require_here(id);
  for (std::size_t g = 0; g < groups(); ++g) {
    Lane& lane = this->lane(id, g);
    const std::uint32_t needed = first_needed(g, sequence.tokens);
    if (needed <= lane.left) continue;
    release_entries(id, g, lane.left, needed);
    std::fill(table(id, g) + lane.left, table(id, g) + needed, no_block);
    lane.left = needed;
  }
}

/// Gives back the blocks of entries [first, end), the last one first.
void KvCache::release_entries(KvSequenceId id, std::size_t group, std::uint32_t first,
                              std::uint32_t end) noexcept {
  const BlockId* const table = this->table(id, group);
  reversed_.clear();
  for (std::uint32_t b = end; b-- > first;) reversed_.push_back(table[b]);
  pool_.release(reversed_);
}

void KvCache::release_blocks(KvSequenceId id) noexcept {
  Sequence& sequence = sequences_[id.index()];
  for (std::size_t g = 0; g < groups(); ++g) release_entries(id, g, lane(id, g).left, lane(id, g).blocks);
  if (sequence.state_block != no_block) pool_.release(std::span(&sequence.state_block, 1));
  sequence.state_block = no_block;
}

std::optional<KvSequenceId> KvCache::fork(KvSequenceId id) {
  (void)require_here(id);
  if (first_absent_ == no_sequence) return std::nullopt;
  const KvSequenceId child = begin_sequence(sequences_[id.index()].extra_key);
  Sequence& sequence = sequences_[child.index()];
  sequence.tokens = sequences_[id.index()].tokens;
  sequence.state_block = sequences_[id.index()].state_block;
  if (sequence.state_block != no_block) pool_.touch(std::span(&sequence.state_block, 1));
  for (std::size_t g = 0; g < groups(); ++g) {
    const Lane& lane = this->lane(id, g);
    this->lane(child, g) = lane;
    std::copy_n(table(id, g), lane.blocks, table(child, g));
    pool_.touch({table(child, g) + lane.left, lane.blocks - lane.left});
    if (lane.tail != unnamed) pool_.prefixes().refer(lane.tail);
  }
  std::copy_n(last_tokens(id), page_tokens_max_, last_tokens(child));
  return child;
}

bool KvCache::is_here(KvSequenceId id) const noexcept {
  return id.index() < sequences_.size() && sequences_[id.index()].state == State::here;
}

bool KvCache::is_swapped_out(KvSequenceId id) const noexcept {
  return id.index() < sequences_.size() && sequences_[id.index()].state == State::swapped_out;
}

std::uint32_t KvCache::tokens(KvSequenceId id) const noexcept {
  return sequences_[id.index()].tokens;
}

BlockId KvCache::state_block(KvSequenceId id) const noexcept {
  return sequences_[id.index()].state_block;
}

std::span<const BlockId> KvCache::blocks(KvSequenceId id, KvGroupId group) const noexcept {
  if (!is_here(id)) return {};
  return {table(id, group.index()), lane(id, group.index()).blocks};
}

std::uint32_t KvCache::copy_page_table(KvSequenceId id, KvGroupId group, std::uint32_t layer,
                                       std::span<std::uint32_t> pages, std::uint32_t left) const noexcept {
  const std::span<const BlockId> table = blocks(id, group);
  for (std::size_t b = 0; b < std::min(table.size(), pages.size()); ++b) {
    pages[b] = table[b] == no_block ? left : pool_.pages(table[b])[layer].value;
  }
  return static_cast<std::uint32_t>(table.size());
}

}  // namespace prophet
