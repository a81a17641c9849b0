#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// A binary heap of experts (or what else has ids from 0), each at most once, that knows where each stands:
/// the largest key is on top, and of equal keys the highest id, so that the order is total. O(log ids);
/// allocates once.
template <class Key, class Member = ExpertIndex>
class IndexHeap {
 public:
  explicit IndexHeap(std::uint32_t ids) : place_(ids, absent) { nodes_.reserve(ids); }

  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(nodes_.size()); }
  [[nodiscard]] bool contains(Member member) const noexcept { return place_[member.index()] != absent; }
  /// REQUIRES: not empty.
  [[nodiscard]] Member top() const noexcept { return nodes_.front().member; }
  [[nodiscard]] Key top_key() const noexcept { return nodes_.front().key; }

  /// REQUIRES: contained.
  [[nodiscard]] Key key(Member member) const noexcept { return nodes_[place_[member.index()]].key; }

  /// REQUIRES: not contained.
  void push(Member member, Key key) noexcept {
    assert(!contains(member));
    nodes_.push_back({key, member});
    sift_up(size() - 1, {key, member});
  }
  /// Takes the top out. REQUIRES: not empty.
  Member pop() noexcept {
    const Member member = nodes_.front().member;
    remove(member);
    return member;
  }
  /// REQUIRES: contained.
  void remove(Member member) noexcept {
    assert(contains(member));
    const std::uint32_t hole = place_[member.index()];
    place_[member.index()] = absent;
    const Node last = nodes_.back();
    nodes_.pop_back();
    if (hole == size()) return;
    if (hole > 0 && before(last, nodes_[parent(hole)])) {
      sift_up(hole, last);
    } else {
      sift_down(hole, last);
    }
  }
  /// Gives every member the key `key_of(member)`. Linear in the members.
  template <class KeyOf>
  void rekey(KeyOf key_of) {
    for (Node& node : nodes_) node.key = key_of(node.member);
    for (std::uint32_t at = size() / 2; at-- > 0;) sift_down(at, nodes_[at]);
  }

 private:
  struct Node {
    Key key;
    Member member;
  };

  static constexpr std::uint32_t absent = ~std::uint32_t{0};

  static std::uint32_t parent(std::uint32_t at) noexcept { return (at - 1) / 2; }
  static bool before(const Node& a, const Node& b) noexcept {
    return a.key > b.key || (a.key == b.key && a.member > b.member);
  }
  void put(std::uint32_t at, Node node) noexcept {
    nodes_[at] = node;
    place_[node.member.index()] = at;
  }
  void sift_up(std::uint32_t at, Node node) noexcept {
    while (at > 0 && before(node, nodes_[parent(at)])) {
      put(at, nodes_[parent(at)]);
      at = parent(at);
    }
    put(at, node);
  }
  void sift_down(std::uint32_t at, Node node) noexcept {
    for (std::uint32_t child = 2 * at + 1; child < size(); child = 2 * at + 1) {
      if (child + 1 < size() && before(nodes_[child + 1], nodes_[child])) ++child;
      if (!before(nodes_[child], node)) break;
      put(at, nodes_[child]);
      at = child;
    }
    put(at, node);
  }

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> place_;  ///< [ids] position in nodes_
};

}  // namespace prophet
