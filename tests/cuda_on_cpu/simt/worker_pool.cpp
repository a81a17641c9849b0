#include "tests/cuda_on_cpu/simt/worker_pool.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <memory>
#include <thread>

#include "tests/cuda_on_cpu/simt/memory_fault.hpp"

namespace prophet::simt {
namespace {

constexpr std::uint64_t none = ~std::uint64_t{0};

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  while (word.load(std::memory_order_acquire) == value) {
    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
  }
}

void wake_all(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

void UnseenLock::lock() {
  std::uint32_t free = 0;
  while (!held_.compare_exchange_strong(free, 1, std::memory_order_acquire)) {
    sleep_while(held_, 1);
    free = 0;
  }
}

void UnseenLock::unlock() {
  held_.store(0, std::memory_order_release);
  wake_all(held_);
}

void WorkerPool::run(Grid& grid, unsigned workers) {
  release(grid.begins);
  turn_.lock();
  start_workers(workers);
  grid_ = &grid;
  total_ = std::uint64_t{grid.blocks.x} * grid.blocks.y * grid.blocks.z;
  participants_ = workers;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(started_, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  wake_all(round_);
  for (std::uint32_t busy = busy_.load(std::memory_order_acquire); busy != 0;
       busy = busy_.load(std::memory_order_acquire)) {
    sleep_while(busy_, busy);
  }
  grids_.fetch_add(1, std::memory_order_relaxed);
  turn_.unlock();
  acquire(grid.ends);
}

void WorkerPool::start_workers(unsigned workers) {
  for (; started_ < workers; ++started_) {
    const std::uint32_t round = round_.load(std::memory_order_relaxed);
    std::thread([this, worker = started_, round] { work_forever(worker, round); }).detach();
  }
}

void WorkerPool::work_forever(unsigned worker, std::uint32_t seen) {
  explain_memory_faults();
  const auto block = std::make_unique<Block>();
  for (;;) {
    sleep_while(round_, seen);
    seen = round_.load(std::memory_order_acquire);
    if (worker < participants_) work(*block, worker);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) wake_all(busy_);
  }
}

void WorkerPool::work(Block& block, unsigned worker) {
  const std::uint64_t switches_before = block.switches();
  std::uint64_t blocks = 0;
  const dim3 grid = grid_->blocks;
  for (std::uint64_t i = next_block(worker, none); i < total_; i = next_block(worker, i), ++blocks) {
    block.run(*grid_, {static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                       static_cast<unsigned>(i / (std::uint64_t{grid.x} * grid.y))});
  }
  blocks_.fetch_add(blocks, std::memory_order_relaxed);
  threads_.fetch_add(blocks * block.threads(), std::memory_order_relaxed);
  switches_.fetch_add(block.switches() - switches_before, std::memory_order_relaxed);
}

std::uint64_t WorkerPool::next_block(unsigned worker, std::uint64_t previous) {
  if (!under_tsan()) return next_.fetch_add(1, std::memory_order_relaxed);
  // What one worker runs, ThreadSanitizer takes for ordered. So neighbouring blocks go to different workers,
  // and so do blocks of equal number in grids that follow each other.
  if (previous != none) return previous + participants_;
  return (worker + round_.load(std::memory_order_relaxed)) % participants_;
}

Statistics WorkerPool::statistics() const {
  return {grids_.load(), blocks_.load(), threads_.load(), switches_.load()};
}

}  // namespace prophet::simt
