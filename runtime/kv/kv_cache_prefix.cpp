// Names of tokens: what a new sequence shares, and what a growing one caches.
#include <algorithm>

#include "runtime/base/checked.hpp"
#include "runtime/kv/kv_cache.hpp"

namespace prophet {

std::uint32_t* KvCache::last_tokens(KvSequenceId sequence) const noexcept {
  return last_tokens_.get() + sequence.index() * page_tokens_max_;
}

std::uint32_t KvCache::find_prefix(std::span<const std::uint32_t> prompt,
                                   std::uint64_t extra_key) const noexcept {
  if (!options_.prefix_caching || prompt.empty()) return 0;
  auto shared = static_cast<std::uint32_t>(prompt.size() - 1);
  // A group that can share less may leave another one without what that one needs: until all agree.
  for (std::size_t agreed = 0, g = 0; agreed < groups() && shared > 0; g = (g + 1) % groups()) {
    const std::uint32_t here = shared_in(g, prompt.first(shared), extra_key);
    agreed = here == shared ? agreed + 1 : 1;
    shared = here;
  }
  return shared;
}

/// Pages before a position that the next token attends to, of which at least one must be cached.
std::uint32_t KvCache::pages_attended(std::size_t group) const noexcept {
  const KvGroup& kind = geometry_.groups[group];
  if (kind.window_tokens == 0) return ~std::uint32_t{0};
  return std::max(1U, static_cast<std::uint32_t>(ceil_div(kind.window_tokens - 1, kind.page_tokens)));
}

/// The longest start of `tokens` that the group alone could share, in whole pages of every group.
std::uint32_t KvCache::shared_in(std::size_t group, std::span<const std::uint32_t> tokens,
                                 std::uint64_t extra_key) const noexcept {
  const std::uint32_t page_tokens = geometry_.groups[group].page_tokens;
  const std::uint32_t attended = pages_attended(group);
  const std::size_t usable = tokens.size() / page_tokens_max_ * page_tokens_max_;
  std::uint32_t shared = 0;
  std::uint32_t run = 0;  // of cached pages, up to and with this one
  PrefixId parent = no_prefix;
  for (std::uint32_t end = page_tokens; end <= usable; end += page_tokens) {
    const auto node =
        pool_.prefixes().find(parent, tokens.subspan(end - page_tokens, page_tokens), extra_key);
    if (!node) break;
    parent = *node;
    const bool is_cached = pool_.find(group_id(group), parent) != no_block;
    run = is_cached ? run + 1 : 0;
    if (!is_cached && geometry_.groups[group].window_tokens == 0) break;
    const bool suffices = run >= attended || run * page_tokens == end;
    if (suffices && is_cached && end % page_tokens_max_ == 0) shared = end;
  }
  return shared;
}

/// Fills the tables of a sequence that is not there yet with the shared blocks, tokens of which are all of
/// `shared`; returns the pages of those that nobody refers to.
std::uint32_t KvCache::list_shared(KvSequenceId id, std::span<const std::uint32_t> shared,
                                   std::uint64_t extra_key) noexcept {
  std::uint32_t queued_pages = 0;
  for (std::size_t g = 0; g < groups(); ++g) {
    const std::uint32_t page_tokens = geometry_.groups[g].page_tokens;
    const auto pages = static_cast<std::uint32_t>(shared.size() / page_tokens);
    const std::uint32_t left = pages - std::min(pages, pages_attended(g));
    PrefixId node = no_prefix;
    for (std::uint32_t b = 0; b < pages; ++b) {
      node =
          *pool_.prefixes().find(node, shared.subspan(std::size_t{b} * page_tokens, page_tokens), extra_key);
      const BlockId block = b < left ? no_block : pool_.find(group_id(g), node);
      table(id, g)[b] = block;
      if (block != no_block && pool_.references(block) == 0) queued_pages += geometry_.groups[g].layers;
    }
    lane(id, g) = {pages, left, node};
  }
  return queued_pages;
}

/// Takes what list_shared has put into the tables. The sequence has begun.
void KvCache::share(KvSequenceId id, std::span<const std::uint32_t> shared) noexcept {
  for (std::size_t g = 0; g < groups(); ++g) {
    const Lane& lane = this->lane(id, g);
    pool_.touch({table(id, g) + lane.left, lane.blocks - lane.left});
    pool_.prefixes().refer(lane.tail);
  }
  // Whole pages of every group: no token of the last ones is wanted again.
  sequences_[id.index()].tokens = static_cast<std::uint32_t>(shared.size());
}

/// Caches the blocks that these tokens, for which there is room already, have filled.
void KvCache::name_tokens(KvSequenceId id, std::span<const std::uint32_t> tokens) noexcept {
  if (!options_.prefix_caching || tokens.empty()) return;
  const std::uint32_t end = sequences_[id.index()].tokens;
  const std::uint32_t begin = end - static_cast<std::uint32_t>(tokens.size());
  std::uint32_t* const last = last_tokens(id);
  // Pages that began before lie in the ring; the tokens that fill them join the others there.
  const std::uint32_t at = begin % page_tokens_max_;
  const std::size_t joining = std::min<std::size_t>(tokens.size(), page_tokens_max_ - at);
  std::copy_n(tokens.begin(), joining, last + at);
  for (std::size_t g = 0; g < groups(); ++g) name_blocks(id, g, begin, tokens);
  const std::uint32_t rest = end % page_tokens_max_;
  if (rest < tokens.size()) std::copy(tokens.end() - rest, tokens.end(), last);
}

void KvCache::name_blocks(KvSequenceId id, std::size_t group, std::uint32_t begin,
                          std::span<const std::uint32_t> tokens) noexcept {
  const std::uint32_t page_tokens = geometry_.groups[group].page_tokens;
  const std::uint32_t end = sequences_[id.index()].tokens;
  for (std::uint32_t b = begin / page_tokens; (b + 1) * std::uint64_t{page_tokens} <= end; ++b) {
    const std::uint32_t first = b * page_tokens;
    const bool began_before = first < begin;
    name_block(id, group, b,
               began_before
                   ? std::span<const std::uint32_t>(last_tokens(id) + first % page_tokens_max_, page_tokens)
                   : tokens.subspan(first - begin, page_tokens));
  }
}

void KvCache::name_block(KvSequenceId id, std::size_t group, std::uint32_t block,
                         std::span<const std::uint32_t> tokens) noexcept {
  Lane& lane = this->lane(id, group);
  if (lane.tail == unnamed) return;
  const auto node = pool_.prefixes().enter(lane.tail, tokens, sequences_[id.index()].extra_key);
  pool_.prefixes().release(lane.tail);
  lane.tail = node.value_or(unnamed);
  if (node) pool_.cache(table(id, group)[block], *node);
}

void KvCache::stop_naming(KvSequenceId id) noexcept {
  for (std::size_t g = 0; g < groups(); ++g) {
    PrefixId& tail = lane(id, g).tail;
    if (tail != unnamed) pool_.prefixes().release(tail);
    tail = unnamed;
  }
}

}  // namespace prophet
