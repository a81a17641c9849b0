#pragma once

#include <driver_types.h>

#include <cstddef>

#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {

/// One copy that was found to be possible.
struct Copy {
  void* destination = nullptr;
  const void* source = nullptr;
  std::size_t bytes = 0;
  Engine engine = Engine::none;
  bool source_is_pageable = false;
  bool destination_is_pageable = false;
  bool within_device = false;
};

/// Refuses ranges that reach beyond an allocation or hold nothing (cudaErrorInvalidValue), and a kind that is
/// not where the addresses lie (cudaErrorInvalidMemcpyDirection): CUDA itself lets some of these pass.
[[nodiscard]] cudaError_t plan_copy(Copy& copy, void* destination, const void* source, std::size_t bytes,
                                    cudaMemcpyKind kind);

/// In stream order; pageable sources are read before it returns, pageable destinations written before it
/// returns.
[[nodiscard]] cudaError_t copy_async(const Copy& copy, const StreamPtr& stream);

}  // namespace prophet::cuda_on_cpu
