#pragma once

#include "tests/cuda_on_cpu/simt/cuda_thread.hpp"
#include "tests/cuda_on_cpu/simt/sanitizers.hpp"

namespace prophet::simt {

class Block;

/// What the lanes of one warp have in common.
struct Warp {
  unsigned exited = 0;   ///< lanes
  unsigned waiting = 0;  ///< lanes at a warp primitive
  // By the lowest lane of a mask: disjoint parts of a warp may meet apart from each other.
  unsigned generation[32] = {};
  Tag tags[32][2] = {};
};

/// Fails when another lane waits for the thread that has just exited.
void note_exit(Block& block, const CudaThread& thread);

}  // namespace prophet::simt
