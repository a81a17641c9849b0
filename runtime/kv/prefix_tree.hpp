#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// A page's worth of tokens behind all those before it.
using PrefixId = Id<struct PrefixTag>;
/// Before the first page.
inline constexpr PrefixId no_prefix{~std::uint32_t{0}};

/// The hash of a page: of its parent's hash (0 before the first page), its tokens, and what else must be
/// equal for K and V to be equal (an adapter, a tenant's salt).
using PrefixHash = std::uint64_t (*)(std::uint64_t parent, std::span<const std::uint32_t> tokens,
                                     std::uint64_t extra_key) noexcept;

/// The default: 64-bit multiply-and-fold over the tokens. Not cryptographic, and need not be: a hit is
/// compared in full.
[[nodiscard]] std::uint64_t hash_page(std::uint64_t parent, std::span<const std::uint32_t> tokens,
                                      std::uint64_t extra_key) noexcept;

/// Which token prefixes are known: a tree whose nodes are pages of tokens, found by a chained hash and then
/// compared in full - the tokens, the extra key, and the parent, which is a node and so has been compared
/// itself, down to the first token. No two prefixes are ever taken for one, whatever the hash does.
///
/// A node lives while somebody refers to it: a cached block, a sequence that goes on from it, or a child.
/// Pages of different lengths may share a tree. No allocation after construction. One thread.
class PrefixTree {
 public:
  /// Room for `nodes_max` nodes of at most `page_tokens_max` tokens.
  PrefixTree(std::uint32_t nodes_max, std::uint32_t page_tokens_max, PrefixHash hash = hash_page);

  /// The node of `tokens` behind `parent`, if it is known.
  [[nodiscard]] std::optional<PrefixId> find(PrefixId parent, std::span<const std::uint32_t> tokens,
                                             std::uint64_t extra_key) const noexcept;
  /// The same; a node that is not known is made. The caller has one more reference to it. Nothing, and
  /// nothing changes, when there is no room. REQUIRES: parent alive, 1 to page_tokens_max tokens.
  [[nodiscard]] std::optional<PrefixId> enter(PrefixId parent, std::span<const std::uint32_t> tokens,
                                              std::uint64_t extra_key) noexcept;
  /// One more reference; no_prefix is allowed, and counts nothing.
  void refer(PrefixId node) noexcept;
  /// One less; the last one forgets the node, and then perhaps its ancestors. no_prefix is allowed.
  void release(PrefixId node) noexcept;

  [[nodiscard]] PrefixId parent(PrefixId node) const noexcept { return nodes_[node.index()].parent; }
  [[nodiscard]] std::span<const std::uint32_t> tokens(PrefixId node) const noexcept;
  [[nodiscard]] std::uint32_t references(PrefixId node) const noexcept {
    return nodes_[node.index()].references;
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t nodes_max() const noexcept { return static_cast<std::uint32_t>(nodes_.size()); }

  /// Throws Error{check_failed}: every node is in the bucket of its hash, once; its parent is alive; free and
  /// living nodes are all there are. References are checked by their holders. O(nodes).
  void check_invariants() const;

 private:
  struct Node {
    std::uint64_t hash = 0;
    std::uint64_t extra_key = 0;
    PrefixId parent = no_prefix;
    std::uint32_t references = 0;  ///< 0: free
    std::uint32_t tokens = 0;
    PrefixId next = no_prefix;  ///< in its bucket, or among the free ones
  };

  [[nodiscard]] std::uint64_t hash_behind(PrefixId parent, std::span<const std::uint32_t> tokens,
                                          std::uint64_t extra_key) const noexcept;
  [[nodiscard]] PrefixId search(std::uint64_t hash, PrefixId parent, std::span<const std::uint32_t> tokens,
                                std::uint64_t extra_key) const noexcept;
  [[nodiscard]] PrefixId& bucket(std::uint64_t hash) noexcept { return buckets_[hash & mask_]; }
  void forget(PrefixId node) noexcept;

  PrefixHash hash_;
  std::uint32_t page_tokens_max_;
  std::vector<Node> nodes_;            ///< [nodes]
  std::vector<std::uint32_t> tokens_;  ///< [nodes, page_tokens_max]
  std::vector<PrefixId> buckets_;      ///< [power of two] first of a list
  std::uint64_t mask_;
  PrefixId free_ = no_prefix;
  std::uint32_t size_ = 0;
};

}  // namespace prophet
