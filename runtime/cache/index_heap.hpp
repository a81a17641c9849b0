#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// A binary heap of experts, each at most once, that knows where each stands: the largest key is on top, and
/// of equal keys the highest index, so that the order is total. O(log experts); allocates once.
template <class Key>
class IndexHeap {
 public:
  explicit IndexHeap(std::uint32_t experts) : place_(experts, absent) { nodes_.reserve(experts); }

  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(nodes_.size()); }
  [[nodiscard]] bool contains(ExpertIndex expert) const noexcept { return place_[expert.index()] != absent; }

  /// REQUIRES: not contained.
  void push(ExpertIndex expert, Key key) noexcept {
    assert(!contains(expert));
    nodes_.push_back({key, expert});
    sift_up(size() - 1, {key, expert});
  }
  /// Takes the top out. REQUIRES: not empty.
  ExpertIndex pop() noexcept {
    const ExpertIndex expert = nodes_.front().expert;
    remove(expert);
    return expert;
  }
  /// REQUIRES: contained.
  void remove(ExpertIndex expert) noexcept {
    assert(contains(expert));
    const std::uint32_t hole = place_[expert.index()];
    place_[expert.index()] = absent;
    const Node last = nodes_.back();
    nodes_.pop_back();
    if (hole == size()) return;
    if (hole > 0 && before(last, nodes_[parent(hole)])) {
      sift_up(hole, last);
    } else {
      sift_down(hole, last);
    }
  }

 private:
  struct Node {
    Key key;
    ExpertIndex expert;
  };

  static constexpr std::uint32_t absent = ~std::uint32_t{0};

  static std::uint32_t parent(std::uint32_t at) noexcept { return (at - 1) / 2; }
  static bool before(const Node& a, const Node& b) noexcept {
    return a.key > b.key || (a.key == b.key && a.expert > b.expert);
  }
  void put(std::uint32_t at, Node node) noexcept {
    nodes_[at] = node;
    place_[node.expert.index()] = at;
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
  std::vector<std::uint32_t> place_;  ///< [experts] position in nodes_
};

}  // namespace prophet
