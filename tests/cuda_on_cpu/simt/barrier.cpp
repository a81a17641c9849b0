#include "tests/cuda_on_cpu/simt/barrier.hpp"

#include <cstring>
#include <string>

#include "tests/cuda_on_cpu/simt/block.hpp"
#include "tests/cuda_on_cpu/simt/failure.hpp"

namespace prophet::simt {
namespace {

int result_of(const BlockBarrier& barrier) {
  switch (barrier.kind) {
    case BarrierKind::count:
      return static_cast<int>(barrier.predicates_true);
    case BarrierKind::all:
      return barrier.predicates_true == barrier.waiting ? 1 : 0;
    case BarrierKind::any:
      return barrier.predicates_true != 0 ? 1 : 0;
    case BarrierKind::plain:
      break;
  }
  return 0;
}

bool same_place(const SourceLine& one, const SourceLine& other) {
  return one.line == other.line && std::strcmp(one.file, other.file) == 0;
}

void check_arrival(Block& block, BarrierKind kind, const SourceLine& at) {
  const BlockBarrier& barrier = block.barrier();
  if (barrier.waiting == 0) return;
  if (barrier.kind != kind) fail(block, "threads of one block meet at different kinds of __syncthreads");
  if (!same_place(barrier.at, at)) {
    fail(block, "divergent __syncthreads: threads of one block wait at different places; this one at " +
                    std::string(at.file) + ":" + std::to_string(at.line));
  }
}

}  // namespace

void release_barrier_if_complete(Block& block) {
  BlockBarrier& barrier = block.barrier();
  if (barrier.waiting == 0 || barrier.waiting + block.exited() != block.threads()) return;
  const int result = result_of(barrier);
  for (unsigned rank = 0; rank < block.threads(); ++rank) {
    CudaThread& thread = block.thread(rank);
    if (thread.state != ThreadState::at_barrier) continue;
    thread.barrier_result = result;
    block.make_runnable(thread);
  }
  barrier.waiting = barrier.predicates_true = 0;
  ++barrier.generation;
}

int synchronise_block(BarrierKind kind, bool predicate, const char* file, unsigned line) {
  if (Block::current() == nullptr) fail("__syncthreads was called outside of a kernel");
  Block& block = *Block::current();
  CudaThread& thread = block.running();
  BlockBarrier& barrier = block.barrier();
  check_arrival(block, kind, {file, line});
  Tag& tag = barrier.tags[barrier.generation % 2];
  release(tag);
  barrier.kind = kind;
  barrier.at = {file, line};
  ++barrier.waiting;
  if (predicate) ++barrier.predicates_true;
  thread.state = ThreadState::at_barrier;
  thread.waits_at = {file, line};
  release_barrier_if_complete(block);
  block.suspend();
  acquire(tag);
  return thread.barrier_result;
}

}  // namespace prophet::simt
