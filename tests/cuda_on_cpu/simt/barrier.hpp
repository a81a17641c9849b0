#pragma once

#include "tests/cuda_on_cpu/simt/cuda_thread.hpp"
#include "tests/cuda_on_cpu/simt/device_interface.hpp"
#include "tests/cuda_on_cpu/simt/sanitizers.hpp"

namespace prophet::simt {

class Block;

/// A __syncthreads that some threads of a block have reached and others have not.
struct BlockBarrier {
  BarrierKind kind = BarrierKind::plain;
  SourceLine at;
  unsigned waiting = 0;
  unsigned predicates_true = 0;
  unsigned generation = 0;
  // Two in turn: a thread that is early at the next barrier must not seem ordered before one still at this.
  Tag tags[2] = {};
};

/// Lets all go on once every thread waits that has not exited, as sm_70 and later do.
void release_barrier_if_complete(Block& block);

}  // namespace prophet::simt
