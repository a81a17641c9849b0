#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "tests/cuda_on_cpu/simt/barrier.hpp"
#include "tests/cuda_on_cpu/simt/cuda_thread.hpp"
#include "tests/cuda_on_cpu/simt/executor.hpp"
#include "tests/cuda_on_cpu/simt/fiber.hpp"
#include "tests/cuda_on_cpu/simt/sanitizers.hpp"
#include "tests/cuda_on_cpu/simt/shared_memory.hpp"
#include "tests/cuda_on_cpu/simt/static_shared.hpp"
#include "tests/cuda_on_cpu/simt/thread_order.hpp"
#include "tests/cuda_on_cpu/simt/warp.hpp"

namespace prophet::simt {

/// One launch, as the workers see it.
struct Grid {
  dim3 blocks;
  dim3 threads;
  std::size_t shared_bytes = 0;
  const std::function<void()>* body = nullptr;
  std::uint64_t seed = 0;
  Tag begins = 0;
  Tag ends = 0;
};

/// Runs one block after another, each as fibers of the OS thread that owns the Block. At any time one CUDA
/// thread runs; it runs until it waits or exits, and then chooses its successor.
class Block {
 public:
  Block();

  /// Runs the block at `index`; returns when all its threads have exited.
  void run(Grid& grid, uint3 index);

  /// The block that the calling OS thread runs, or null outside of a kernel.
  [[nodiscard]] static Block* current();

  [[nodiscard]] CudaThread& running() { return *running_; }
  [[nodiscard]] CudaThread& thread(unsigned rank) { return threads_[rank]; }
  [[nodiscard]] unsigned threads() const { return count_; }
  [[nodiscard]] unsigned exited() const { return exited_; }
  [[nodiscard]] Warp& warp(unsigned number) { return warps_[number]; }
  /// The lanes that the block has in this warp: the last one may be partial.
  [[nodiscard]] unsigned lanes_of(unsigned warp) const;
  [[nodiscard]] BlockBarrier& barrier() { return barrier_; }
  [[nodiscard]] DynamicShared& dynamic_shared() { return dynamic_shared_; }
  [[nodiscard]] StaticShared& static_shared() { return static_shared_; }
  [[nodiscard]] ThreadOrder& order() { return order_; }
  [[nodiscard]] const Grid& grid() const { return *grid_; }

  /// Suspends the running thread, whose state says for what, until make_runnable() names it.
  void suspend();
  void make_runnable(CudaThread& thread);

  [[nodiscard]] std::uint64_t switches() const { return switches_; }

 private:
  void prepare(Grid& grid, uint3 index);
  void start_next_thread();
  void thread_exits();
  [[noreturn]] void fiber_main();
  static void fiber_entry();
  void hand_over();
  void hand_over_to(Fiber& next);
  [[nodiscard]] Fiber& next_fiber();
  [[nodiscard]] Fiber& idle_fiber();
  void make_fiber();
  void check_end_of_block();

  Grid* grid_ = nullptr;
  unsigned count_ = 0;
  unsigned exited_ = 0;
  std::unique_ptr<CudaThread[]> threads_;
  std::unique_ptr<Warp[]> warps_;
  BlockBarrier barrier_;
  DynamicShared dynamic_shared_;
  StaticShared static_shared_;
  ThreadOrder order_;

  // The blocks that one worker runs use the same shared memory one after the other. Two tags in turn, so that
  // the threads of one block do not seem ordered among themselves.
  Tag block_ends_[2] = {};
  unsigned blocks_begun_ = 0;

  CudaThread* running_ = nullptr;
  Fiber worker_;          // the OS thread's own stack, which waits in run()
  Fiber* on_ = &worker_;  // the fiber that runs
  std::unique_ptr<std::unique_ptr<Fiber>[]> fibers_;
  std::unique_ptr<Fiber*[]> idle_;  // a stack of those that have no thread
  unsigned fibers_made_ = 0;
  unsigned idle_count_ = 0;
  std::uint64_t switches_ = 0;
};

}  // namespace prophet::simt
