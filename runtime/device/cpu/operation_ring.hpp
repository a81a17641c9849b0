#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "runtime/device/cpu/operation.hpp"

namespace prophet::cpu {

/// A queue of operations with room for `initial_capacity` without allocating. A push beyond the capacity
/// doubles it: submission never waits for the device. Thread safety: none.
class OperationRing {
 public:
  static constexpr std::size_t initial_capacity = 4096;

  OperationRing() : slots_(initial_capacity) {}

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// The i-th operation from the front. REQUIRES: i < size().
  [[nodiscard]] const Operation& operator[](std::size_t i) const noexcept {
    return slots_[(first_ + i) % slots_.size()];
  }

  void push(const Operation& operation) {
    if (size_ == slots_.size()) grow();
    slots_[(first_ + size_) % slots_.size()] = operation;
    ++size_;
  }
  /// REQUIRES: !empty().
  void pop() noexcept {
    first_ = (first_ + 1) % slots_.size();
    --size_;
  }

 private:
  void grow() {
    std::vector<Operation> wider(2 * slots_.size());
    for (std::size_t i = 0; i < size_; ++i) wider[i] = (*this)[i];
    slots_ = std::move(wider);
    first_ = 0;
  }

  std::vector<Operation> slots_;
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace prophet::cpu
