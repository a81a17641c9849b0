#include "tests/cuda_on_cpu/simt/block.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "tests/cuda_on_cpu/simt/failure.hpp"
#include "tests/cuda_on_cpu/simt/language/builtins.hpp"

__thread uint3 threadIdx;
__thread uint3 blockIdx;
__thread dim3 blockDim;
__thread dim3 gridDim;

namespace prophet::simt {
namespace {

constexpr unsigned warps_max = block_threads_max / 32;

__thread Block* current_block = nullptr;

std::uint64_t number_of(uint3 index, const dim3& blocks) {
  return index.x + std::uint64_t{blocks.x} * (index.y + std::uint64_t{blocks.y} * index.z);
}

}  // namespace

Block::Block()
    : threads_(std::make_unique<CudaThread[]>(block_threads_max)),
      warps_(std::make_unique<Warp[]>(warps_max)),
      fibers_(std::make_unique<std::unique_ptr<Fiber>[]>(block_threads_max)),
      idle_(std::make_unique<Fiber*[]>(block_threads_max)) {}

Block* Block::current() {
  return current_block;
}

unsigned Block::lanes_of(unsigned warp) const {
  const unsigned lanes = std::min(32U, count_ - warp * 32);
  return lanes == 32 ? ~0U : (1U << lanes) - 1U;
}

void Block::run(Grid& grid, uint3 index) {
  prepare(grid, index);
  current_block = this;
  worker_.adopt_os_thread();
  on_ = &worker_;
  hand_over();
  // Back here, no thread can run any more.
  check_end_of_block();
  current_block = nullptr;
}

void Block::prepare(Grid& grid, uint3 index) {
  grid_ = &grid;
  gridDim = grid.blocks;
  blockDim = grid.threads;
  blockIdx = index;
  count_ = grid.threads.x * grid.threads.y * grid.threads.z;
  exited_ = 0;
  for (unsigned rank = 0; rank < count_; ++rank) {
    CudaThread& thread = threads_[rank];
    thread.index = {rank % grid.threads.x, rank / grid.threads.x % grid.threads.y,
                    rank / (grid.threads.x * grid.threads.y)};
    thread.rank = rank;
    thread.state = ThreadState::not_started;
    thread.copies.reset();
  }
  for (unsigned warp = 0; warp * 32 < count_; ++warp) warps_[warp].exited = warps_[warp].waiting = 0;
  barrier_.waiting = barrier_.predicates_true = 0;
  dynamic_shared_.prepare(grid.shared_bytes);
  static_shared_.prepare();
  ++blocks_begun_;
  // To ThreadSanitizer, who makes a fiber comes before all that runs in it; so no CUDA thread may make one.
  while (under_tsan() && fibers_made_ < count_) make_fiber();
  for (idle_count_ = 0; idle_count_ < fibers_made_; ++idle_count_)
    idle_[idle_count_] = fibers_[idle_count_].get();
  order_.reset(grid.seed, number_of(index, grid.blocks), count_);
}

void Block::suspend() {
  hand_over();
}

void Block::make_runnable(CudaThread& thread) {
  thread.state = ThreadState::runnable;
  order_.push(thread);
}

void Block::hand_over() {
  hand_over_to(next_fiber());
}

void Block::hand_over_to(Fiber& next) {
  Fiber& from = *on_;
  if (&next == &from) return;
  ++switches_;
  on_ = &next;
  from.switch_to(next);
}

Fiber& Block::next_fiber() {
  const bool start = order_.any_not_started() && (!order_.any_runnable() || order_.prefers_not_started());
  if (start) return idle_fiber();
  if (!order_.any_runnable()) return worker_;
  running_ = &order_.take_runnable();
  threadIdx = running_->index;
  return *running_->fiber;
}

Fiber& Block::idle_fiber() {
  if (idle_count_ == 0) {
    make_fiber();
    return *fibers_[fibers_made_ - 1];
  }
  return *idle_[--idle_count_];
}

void Block::make_fiber() {
  fibers_[fibers_made_++] = std::make_unique<Fiber>(&Block::fiber_entry);
}

void Block::fiber_entry() {
  Block& block = *current_block;
  block.on_->entered();
  block.fiber_main();
}

void Block::fiber_main() {
  for (;;) {
    start_next_thread();
    thread_exits();
    // To ThreadSanitizer a fiber is a thread, so no two CUDA threads of one block may share one.
    if (!under_tsan()) idle_[idle_count_++] = on_;
    hand_over();
  }
}

void Block::start_next_thread() {
  CudaThread& thread = threads_[order_.take_not_started()];
  running_ = &thread;
  thread.fiber = on_;
  thread.state = ThreadState::runnable;
  threadIdx = thread.index;
  acquire(grid_->begins);
  acquire(block_ends_[(blocks_begun_ - 1) % 2]);
  (*grid_->body)();
  release(block_ends_[blocks_begun_ % 2]);
  release(grid_->ends);
}

void Block::thread_exits() {
  CudaThread& thread = *running_;
  if (thread.copies.pending() != 0) {
    fail(*this, "a thread exits with " + std::to_string(thread.copies.pending()) +
                    " asynchronous copies that it did not commit and wait for");
  }
  thread.state = ThreadState::exited;
  ++exited_;
  note_exit(*this, thread);
  release_barrier_if_complete(*this);
}

void Block::check_end_of_block() {
  if (exited_ != count_) fail(*this, "deadlock: no thread of the block can go on");
  if (!dynamic_shared_.slack_is_untouched()) {
    fail(*this, "a thread wrote past the " + std::to_string(grid_->shared_bytes) +
                    " bytes of dynamic shared memory that the launch asked for");
  }
}

}  // namespace prophet::simt
