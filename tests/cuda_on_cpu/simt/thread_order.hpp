#pragma once

#include <cstdint>
#include <memory>

#include "tests/cuda_on_cpu/simt/cuda_thread.hpp"

namespace prophet::simt {

/// Decides which thread of a block runs next: the one that has waited longest (seed 0), the newest with the
/// highest ranks first (seed 1), or a random one.
class ThreadOrder {
 public:
  ThreadOrder();

  /// For a block of `threads`; equal seeds and block numbers give equal orders.
  void reset(std::uint64_t seed, std::uint64_t block_number, unsigned threads);

  [[nodiscard]] bool any_not_started() const { return started_ < threads_; }
  [[nodiscard]] bool any_runnable() const { return waiting_ != 0; }
  /// Whether the next to run is one that has not started; for when there are such and others.
  [[nodiscard]] bool prefers_not_started();
  /// Whether a thread that could go on shall not.
  [[nodiscard]] bool preempts();
  /// The rank of the next thread to start.
  [[nodiscard]] unsigned take_not_started() { return start_order_[started_++]; }

  void push(CudaThread& thread);
  /// To run after all that wait now, so that one that waits for another in a loop cannot keep it from
  /// running.
  void push_behind_all(CudaThread& thread);
  [[nodiscard]] CudaThread& take_runnable();

 private:
  [[nodiscard]] std::uint64_t random_below(std::uint64_t bound);

  std::uint64_t seed_ = 0;
  std::uint64_t state_ = 0;
  unsigned threads_ = 0;
  unsigned started_ = 0;
  std::unique_ptr<unsigned[]> start_order_;
  std::unique_ptr<CudaThread*[]> ring_;  // of block_threads_max places
  unsigned first_ = 0;
  unsigned waiting_ = 0;
};

}  // namespace prophet::simt
