// How sequences end, and how they leave for the host and come back.
#include <fmt/format.h>

#include <cassert>

#include "prophet/error.hpp"
#include "runtime/kv/kv_cache.hpp"

namespace prophet {

void KvCache::free(KvSequenceId id) {
  if (is_swapped_out(id)) {
    HostSlotId& chain = sequences_[id.index()].slots;
    while (chain != no_host_slot) host_.pop(chain);
  } else {
    (void)require_here(id);
    release_blocks(id);
  }
  end_sequence(id);
}

/// Pages that it has or had: each once, shared or not.
std::uint32_t KvCache::pages_of(KvSequenceId id) const noexcept {
  std::uint32_t pages = geometry_.state_pages();
  for (std::size_t g = 0; g < groups(); ++g) {
    pages += (lane(id, g).blocks - lane(id, g).left) * geometry_.groups[g].layers;
  }
  return pages;
}

std::optional<std::span<const KvSwap>> KvCache::swap_out(KvSequenceId id) {
  Sequence& sequence = require_here(id);
  if (pages_of(id) > host_.free_count()) return std::nullopt;
  swaps_.clear();
  for (std::size_t g = 0; g < groups(); ++g) {
    for (std::uint32_t b = lane(id, g).left; b < lane(id, g).blocks; ++b) push_block(id, table(id, g)[b]);
  }
  if (sequence.state_block != no_block) push_block(id, sequence.state_block);
  release_blocks(id);
  sequence.state = State::swapped_out;
  --here_;
  return swaps_;
}

void KvCache::push_block(KvSequenceId id, BlockId block) noexcept {
  for (const PageId page : pool_.pages(block)) {
    swaps_.push_back({page, host_.push(sequences_[id.index()].slots)});
  }
}

std::optional<std::span<const KvSwap>> KvCache::swap_in(KvSequenceId id) {
  if (!is_swapped_out(id)) {
    throw Error(ErrorCode::check_failed,
                fmt::format("KV cache: expected a sequence that is swapped out, found {}", id.value));
  }
  if (!leaves_watermark(pages_of(id))) return std::nullopt;
  swaps_.clear();
  bool taken = true;
  for (std::size_t g = 0; g < groups(); ++g) {
    const Lane& lane = this->lane(id, g);
    taken &= pool_.allocate(group_id(g), {table(id, g) + lane.left, lane.blocks - lane.left});
  }
  Sequence& sequence = sequences_[id.index()];
  if (geometry_.state_bytes > 0) {
    taken &= pool_.allocate(state_group(), std::span(&sequence.state_block, 1));
    pop_block(id, sequence.state_block);
  }
  assert(taken);
  (void)taken;
  // The slots come back in the opposite order.
  for (std::size_t g = groups(); g-- > 0;) {
    for (std::uint32_t b = lane(id, g).blocks; b-- > lane(id, g).left;) pop_block(id, table(id, g)[b]);
    name_again(id, g);
  }
  sequence.state = State::here;
  ++here_;
  return swaps_;
}

void KvCache::pop_block(KvSequenceId id, BlockId block) noexcept {
  const std::span<const PageId> pages = pool_.pages(block);
  for (std::size_t p = pages.size(); p-- > 0;) {
    swaps_.push_back({pages[p], host_.pop(sequences_[id.index()].slots)});
  }
}

/// Caches the full blocks of a group whose names are known, the last one first.
void KvCache::name_again(KvSequenceId id, std::size_t group) noexcept {
  const Lane& lane = this->lane(id, group);
  PrefixId node = lane.tail;
  if (node == unnamed) return;
  const std::uint32_t full = sequences_[id.index()].tokens / geometry_.groups[group].page_tokens;
  for (std::uint32_t b = full; b-- > lane.left && node != no_prefix;) {
    pool_.cache(table(id, group)[b], node);
    node = pool_.prefixes().parent(node);
  }
}

}  // namespace prophet
