#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/cuda/paged_partials.hpp"

namespace prophet::kernels::cuda {

/// Tokens begin .. end - 1 of a sequence.
struct TokenSpan {
  std::uint32_t begin;
  std::uint32_t end;
};

/// All tokens that the query attends to.
__device__ __forceinline__ TokenSpan attended_span(std::uint32_t context, std::uint32_t window) {
  return {window != 0 && window < context ? context - window : 0, context};
}

/// Those of one split; empty (begin >= end) behind the last.
__device__ __forceinline__ TokenSpan split_span(std::uint32_t context, std::uint32_t window,
                                                std::uint32_t split) {
  const TokenSpan all = attended_span(context, window);
  const std::uint64_t begin = all.begin + std::uint64_t{split} * split_tokens;
  if (begin >= all.end) return {all.end, all.end};
  const std::uint32_t left = all.end - static_cast<std::uint32_t>(begin);
  return {static_cast<std::uint32_t>(begin), all.end - (left > split_tokens ? left - split_tokens : 0)};
}

}  // namespace prophet::kernels::cuda
