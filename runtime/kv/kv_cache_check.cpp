// The invariants of KvCache, counted from tables and chains.
#include <fmt/format.h>

#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/kv/kv_cache.hpp"

namespace prophet {
namespace {

void require(bool holds, const char* invariant, const char* what, std::uint64_t value) {
  if (holds) return;
  throw Error(ErrorCode::check_failed, fmt::format("KV cache: {}: {} {}", invariant, what, value));
}

}  // namespace

void KvCache::check_invariants() const {
  pool_.check_invariants();
  std::vector<std::uint32_t> block_references(pool_.blocks_max());
  std::vector<std::uint32_t> prefix_references(pool_.prefixes().nodes_max());
  std::uint32_t alive = 0;
  std::uint32_t here = 0;
  for (std::uint32_t s = 0; s < sequences_.size(); ++s) {
    if (sequences_[s].state == State::absent) continue;
    ++alive;
    here += sequences_[s].state == State::here ? 1 : 0;
    check_sequence(KvSequenceId{s}, block_references, prefix_references);
  }
  require(alive == alive_ && here == here_, "sequences are counted", "sequences", alive);
  check_references(block_references, prefix_references);
  check_host();
}

void KvCache::check_sequence(KvSequenceId id, std::vector<std::uint32_t>& block_references,
                             std::vector<std::uint32_t>& prefix_references) const {
  const Sequence& sequence = sequences_[id.index()];
  for (std::size_t g = 0; g < groups(); ++g) {
    const Lane& lane = this->lane(id, g);
    require(lane.blocks == ceil_div(sequence.tokens, geometry_.groups[g].page_tokens),
            "a table is as long as its tokens", "sequence", id.value);
    require(lane.left <= first_needed(g, sequence.tokens), "what is attended to is there", "sequence",
            id.value);
    if (lane.tail != no_prefix && lane.tail != unnamed) ++prefix_references[lane.tail.index()];
    if (sequence.state != State::here) continue;
    for (std::uint32_t b = 0; b < lane.blocks; ++b) {
      const BlockId block = table(id, g)[b];
      require((block == no_block) == (b < lane.left), "only what left the window has no block", "sequence",
              id.value);
      if (block == no_block) continue;
      require(pool_.group(block) == group_id(g), "a block is of its table's group", "block", block.value);
      ++block_references[block.index()];
    }
  }
  const bool has_state = geometry_.state_bytes > 0 && sequence.state == State::here;
  require((sequence.state_block != no_block) == has_state, "recurrent state has a block", "sequence",
          id.value);
  if (has_state) ++block_references[sequence.state_block.index()];
}

void KvCache::check_references(const std::vector<std::uint32_t>& block_references,
                               std::vector<std::uint32_t>& prefix_references) const {
  const PrefixTree& tree = pool_.prefixes();
  for (std::uint32_t b = 0; b < block_references.size(); ++b) {
    require(pool_.references(BlockId{b}) == block_references[b], "references are those of the tables",
            "block", b);
    const PrefixId prefix = pool_.prefix(BlockId{b});
    if (prefix != no_prefix) ++prefix_references[prefix.index()];
  }
  for (std::uint32_t n = 0; n < tree.nodes_max(); ++n) {
    if (tree.references(PrefixId{n}) == 0) continue;
    const PrefixId parent = tree.parent(PrefixId{n});
    if (parent != no_prefix) ++prefix_references[parent.index()];
  }
  for (std::uint32_t n = 0; n < tree.nodes_max(); ++n) {
    require(tree.references(PrefixId{n}) == prefix_references[n],
            "a prefix is referred to by its blocks, children and sequences", "prefix", n);
  }
}

void KvCache::check_host() const {
  std::vector<std::uint8_t> taken(host_.size());
  std::uint32_t count = 0;
  for (std::uint32_t s = 0; s < sequences_.size(); ++s) {
    const bool is_out = sequences_[s].state == State::swapped_out;
    std::uint32_t chained = 0;
    for (HostSlotId slot = sequences_[s].slots; slot != no_host_slot; slot = host_.below(slot)) {
      require(is_out && taken[slot.index()] == 0, "a host slot is of one sequence that is out", "slot",
              slot.value);
      taken[slot.index()] = 1;
      ++chained;
    }
    require(!is_out || chained == pages_of(KvSequenceId{s}),
            "a sequence that is out has a slot for each page", "sequence", s);
    count += chained;
  }
  require(count + host_.free_count() == host_.size(), "a host slot is free or taken", "slots", count);
}

}  // namespace prophet
