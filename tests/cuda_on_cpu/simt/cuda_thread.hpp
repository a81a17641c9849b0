#pragma once

#include <vector_types.h>

#include <cstdint>

#include "tests/cuda_on_cpu/simt/async_copies.hpp"
#include "tests/cuda_on_cpu/simt/warp_operation.hpp"

namespace prophet::simt {

class Fiber;

/// A place in the kernel's source, as the macros and default arguments of the device language give it.
struct SourceLine {
  const char* file = nullptr;
  unsigned line = 0;
};

enum class ThreadState : std::uint8_t { not_started, runnable, at_barrier, at_warp_operation, exited };

/// One CUDA thread of the block that a worker runs.
struct CudaThread {
  uint3 index{};
  unsigned rank = 0;  ///< in the block: x first, then y, then z
  ThreadState state = ThreadState::not_started;
  Fiber* fiber = nullptr;
  SourceLine waits_at;
  int barrier_result = 0;
  WarpOperation warp_operation;
  AsyncCopies copies;

  [[nodiscard]] unsigned lane() const { return rank % 32; }
  [[nodiscard]] unsigned warp() const { return rank / 32; }
};

}  // namespace prophet::simt
