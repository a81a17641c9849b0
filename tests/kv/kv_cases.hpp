#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "runtime/kv/kv_cache.hpp"

namespace prophet::testing_support {

using Tokens = std::vector<std::uint32_t>;

/// `count` tokens from `first` on.
inline Tokens tokens_from(std::uint32_t first, std::size_t count) {
  Tokens tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

/// One group of one layer with pages of `page_tokens` tokens: a block is a page.
inline KvGeometry one_layer(std::uint32_t page_tokens, std::uint32_t window_tokens = 0) {
  return {{{1, 256 / page_tokens, window_tokens, page_tokens}}, 0, 256};
}

inline KvCacheOptions small_options() {
  KvCacheOptions options;
  options.sequences_max = 8;
  options.context_tokens_max = 64;
  return options;
}

/// A cache with `slabs` slabs lent, of `pages` pages of 256 bytes each; slab 0 is used first.
class LentCache {
 public:
  LentCache(const KvGeometry& geometry, std::uint32_t slabs, std::uint32_t pages,
            const KvCacheOptions& options = small_options())
      : cache_(geometry, PageGrid::plan(std::uint64_t{pages} * 256, slabs, 256), options) {
    for (std::uint32_t s = slabs; s-- > 0;) cache_.pool().add_slab(SlabId{s});
  }
  KvCache* operator->() noexcept { return &cache_; }
  KvCache& operator*() noexcept { return cache_; }

  [[nodiscard]] std::vector<std::uint32_t> queue() const {
    std::vector<BlockId> blocks(cache_.pool().queued_blocks());
    (void)cache_.pool().copy_queue(blocks);
    return values(blocks);
  }
  [[nodiscard]] std::vector<std::uint32_t> table(KvSequenceId sequence, std::uint32_t group = 0) const {
    return values(cache_.blocks(sequence, KvGroupId{group}));
  }

 private:
  [[nodiscard]] static std::vector<std::uint32_t> values(std::span<const BlockId> blocks) {
    std::vector<std::uint32_t> list;
    for (const BlockId block : blocks) list.push_back(block.value);
    return list;
  }

  KvCache cache_;
};

}  // namespace prophet::testing_support
