#include "runtime/kv/prefix_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>

#include "prophet/error.hpp"

namespace prophet {
namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t factor = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t other_factor = 0xd6e8feb86659fd93ULL;

void require(bool holds, const char* invariant, std::uint32_t node) {
  if (holds) return;
  throw Error(ErrorCode::check_failed, fmt::format("prefix tree: {}: node {}", invariant, node));
}

}  // namespace

std::uint64_t hash_page(std::uint64_t parent, std::span<const std::uint32_t> tokens,
                        std::uint64_t extra_key) noexcept {
  std::uint64_t hash = fold(parent ^ factor, extra_key ^ other_factor);
  std::size_t at = 0;
  for (; at + 1 < tokens.size(); at += 2) {
    hash = fold(hash ^ (tokens[at] | std::uint64_t{tokens[at + 1]} << 32), factor);
  }
  if (at < tokens.size()) hash = fold(hash ^ tokens[at], other_factor);
  return fold(hash ^ tokens.size(), other_factor);
}

PrefixTree::PrefixTree(std::uint32_t nodes_max, std::uint32_t page_tokens_max, PrefixHash hash)
    : hash_(hash),
      page_tokens_max_(page_tokens_max),
      nodes_(nodes_max),
      tokens_(std::size_t{nodes_max} * page_tokens_max),
      buckets_(std::bit_ceil(std::size_t{nodes_max} + nodes_max / 2 + 1), no_prefix),
      mask_(buckets_.size() - 1) {
  for (std::uint32_t n = nodes_max; n-- > 0;) {
    nodes_[n].next = free_;
    free_ = PrefixId{n};
  }
}

std::span<const std::uint32_t> PrefixTree::tokens(PrefixId node) const noexcept {
  return {tokens_.data() + node.index() * page_tokens_max_, nodes_[node.index()].tokens};
}

std::uint64_t PrefixTree::hash_behind(PrefixId parent, std::span<const std::uint32_t> tokens,
                                      std::uint64_t extra_key) const noexcept {
  return hash_(parent == no_prefix ? 0 : nodes_[parent.index()].hash, tokens, extra_key);
}

PrefixId PrefixTree::search(std::uint64_t hash, PrefixId parent, std::span<const std::uint32_t> tokens,
                            std::uint64_t extra_key) const noexcept {
  for (PrefixId n = buckets_[hash & mask_]; n != no_prefix; n = nodes_[n.index()].next) {
    const Node& node = nodes_[n.index()];
    if (node.hash != hash || node.parent != parent || node.extra_key != extra_key) continue;
    const std::span<const std::uint32_t> known = this->tokens(n);
    if (std::equal(known.begin(), known.end(), tokens.begin(), tokens.end())) return n;
  }
  return no_prefix;
}

std::optional<PrefixId> PrefixTree::find(PrefixId parent, std::span<const std::uint32_t> tokens,
                                         std::uint64_t extra_key) const noexcept {
  const PrefixId node = search(hash_behind(parent, tokens, extra_key), parent, tokens, extra_key);
  return node == no_prefix ? std::nullopt : std::optional(node);
}

std::optional<PrefixId> PrefixTree::enter(PrefixId parent, std::span<const std::uint32_t> tokens,
                                          std::uint64_t extra_key) noexcept {
  assert(!tokens.empty() && tokens.size() <= page_tokens_max_);
  const std::uint64_t hash = hash_behind(parent, tokens, extra_key);
  PrefixId id = search(hash, parent, tokens, extra_key);
  if (id == no_prefix) {
    if (free_ == no_prefix) return std::nullopt;
    id = free_;
    Node& node = nodes_[id.index()];
    free_ = node.next;
    node = {hash, extra_key, parent, 0, static_cast<std::uint32_t>(tokens.size()), bucket(hash)};
    bucket(hash) = id;
    std::copy(tokens.begin(), tokens.end(),
              tokens_.begin() + static_cast<std::ptrdiff_t>(id.index() * page_tokens_max_));
    refer(parent);
    ++size_;
  }
  refer(id);
  return id;
}

void PrefixTree::refer(PrefixId node) noexcept {
  if (node != no_prefix) ++nodes_[node.index()].references;
}

void PrefixTree::release(PrefixId node) noexcept {
  while (node != no_prefix) {
    assert(nodes_[node.index()].references > 0);
    if (--nodes_[node.index()].references > 0) return;
    const PrefixId parent = nodes_[node.index()].parent;
    forget(node);
    node = parent;
  }
}

void PrefixTree::forget(PrefixId node) noexcept {
  PrefixId* link = &bucket(nodes_[node.index()].hash);
  while (*link != node) link = &nodes_[link->index()].next;
  *link = nodes_[node.index()].next;
  nodes_[node.index()].next = free_;
  free_ = node;
  --size_;
}

void PrefixTree::check_invariants() const {
  std::uint32_t listed = 0;
  for (std::size_t b = 0; b < buckets_.size(); ++b) {
    for (PrefixId n = buckets_[b]; n != no_prefix; n = nodes_[n.index()].next) {
      const Node& node = nodes_[n.index()];
      require(++listed <= size_, "a node is in one bucket, once", n.value);
      require(node.references > 0, "a node that is found is referred to", n.value);
      require((node.hash & mask_) == b && node.hash == hash_behind(node.parent, tokens(n), node.extra_key),
              "a node is in the bucket of its hash", n.value);
      require(node.parent == no_prefix || references(node.parent) > 0, "a node's parent is alive", n.value);
      require(search(node.hash, node.parent, tokens(n), node.extra_key) == n, "a prefix has one node",
              n.value);
    }
  }
  require(listed == size_, "living nodes are found", size_);
  std::uint32_t free = 0;
  for (PrefixId n = free_; n != no_prefix && free <= nodes_max(); n = nodes_[n.index()].next) ++free;
  require(free + size_ == nodes_max(), "a node lives or is free", free);
}

}  // namespace prophet
