#pragma once

#include <cstddef>
#include <vector>

namespace prophet::sim {

/// A first-in first-out queue that allocates only when it holds more than it ever did before.
template <class T>
class Ring {
 public:
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const T& front() const noexcept { return items_[first_]; }

  /// Afterwards one push does not allocate.
  void reserve_one() {
    if (size_ == items_.size()) grow();
  }
  void push(const T& item) {
    reserve_one();
    items_[(first_ + size_) & (items_.size() - 1)] = item;
    ++size_;
  }
  void pop() noexcept {
    first_ = (first_ + 1) & (items_.size() - 1);
    --size_;
  }

 private:
  static constexpr std::size_t least_items = 64;

  void grow() {
    std::vector<T> larger(items_.empty() ? least_items : items_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = items_[(first_ + i) & (items_.size() - 1)];
    items_.swap(larger);
    first_ = 0;
  }

  std::vector<T> items_;  // a power of two of them
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace prophet::sim
