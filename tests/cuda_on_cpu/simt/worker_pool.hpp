#pragma once

#include <atomic>
#include <cstdint>

#include "tests/cuda_on_cpu/simt/block.hpp"
#include "tests/cuda_on_cpu/simt/executor.hpp"

namespace prophet::simt {

/// A lock that ThreadSanitizer does not see, unlike a mutex: two grids that merely ran one after the other
/// must not seem ordered, or a missing event between two streams would go unnoticed.
class UnseenLock {
 public:
  void lock();
  void unlock();

 private:
  std::atomic<std::uint32_t> held_{0};
};

/// The OS threads that run blocks. They sleep between grids and live as long as the process.
class WorkerPool {
 public:
  /// Runs all blocks of the grid on `workers` threads, and returns when they are done. Thread-safe.
  void run(Grid& grid, unsigned workers);
  [[nodiscard]] Statistics statistics() const;

 private:
  void start_workers(unsigned workers);
  void work_forever(unsigned worker, std::uint32_t rounds_before);
  void work(Block& block, unsigned worker);
  [[nodiscard]] std::uint64_t next_block(unsigned worker, std::uint64_t previous);

  UnseenLock turn_;
  unsigned started_ = 0;
  Grid* grid_ = nullptr;
  std::uint64_t total_ = 0;
  unsigned participants_ = 0;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint32_t> round_{0};  ///< counts grids; workers sleep on it
  std::atomic<std::uint32_t> busy_{0};   ///< workers that have not finished the round; run() sleeps on it
  std::atomic<std::uint64_t> grids_{0};
  std::atomic<std::uint64_t> blocks_{0};
  std::atomic<std::uint64_t> threads_{0};
  std::atomic<std::uint64_t> switches_{0};
};

}  // namespace prophet::simt
