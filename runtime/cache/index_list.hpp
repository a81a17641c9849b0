#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// The links of intrusive lists over dense expert indices: an expert is in at most one of the lists that
/// share the links. Allocates once.
class IndexLinks {
 public:
  explicit IndexLinks(std::uint32_t experts) : links_(experts) {}

 private:
  friend class IndexList;
  struct Link {
    std::uint32_t previous;
    std::uint32_t next;
  };
  std::vector<Link> links_;
};

/// A doubly linked list of experts, front to back. Every operation is O(1) and allocates nothing. Who is a
/// member is the owner's knowledge: removing an expert that is not in *this* list breaks it.
class IndexList {
 public:
  /// `links` must outlive the list.
  explicit IndexList(IndexLinks& links) noexcept : links_(&links) {}

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// REQUIRES: not empty.
  [[nodiscard]] ExpertIndex front() const noexcept { return ExpertIndex{head_}; }
  /// REQUIRES: not empty.
  [[nodiscard]] ExpertIndex back() const noexcept { return ExpertIndex{tail_}; }
  [[nodiscard]] bool is_front(ExpertIndex expert) const noexcept {
    return size_ > 0 && head_ == expert.value;
  }
  /// The neighbour towards the front. REQUIRES: `expert` is in this list and not its front.
  [[nodiscard]] ExpertIndex towards_front(ExpertIndex expert) const noexcept {
    return ExpertIndex{links_->links_[expert.index()].previous};
  }

  void push_front(ExpertIndex expert) noexcept {
    links_->links_[expert.index()] = {none, head_};
    (head_ == none ? tail_ : links_->links_[head_].previous) = expert.value;
    head_ = expert.value;
    ++size_;
  }
  void push_back(ExpertIndex expert) noexcept {
    links_->links_[expert.index()] = {tail_, none};
    (tail_ == none ? head_ : links_->links_[tail_].next) = expert.value;
    tail_ = expert.value;
    ++size_;
  }
  /// REQUIRES: `expert` is in this list.
  void remove(ExpertIndex expert) noexcept {
    assert(size_ > 0);
    const IndexLinks::Link link = links_->links_[expert.index()];
    (link.previous == none ? head_ : links_->links_[link.previous].next) = link.next;
    (link.next == none ? tail_ : links_->links_[link.next].previous) = link.previous;
    --size_;
  }
  /// REQUIRES: not empty.
  ExpertIndex pop_back() noexcept {
    const ExpertIndex expert = back();
    remove(expert);
    return expert;
  }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  IndexLinks* links_;
  std::uint32_t head_ = none;
  std::uint32_t tail_ = none;
  std::uint32_t size_ = 0;
};

}  // namespace prophet
