#pragma once

#include <cuda_runtime_api.h>

#include "kernels/mix_experts.hpp"

namespace prophet::kernels::cuda {

/// kernels::mix_experts on the device, bit for bit: see kernels/mix_experts.hpp for shapes and formula. All
/// memory is device memory, that of the slots too, read and written in stream order; nothing is allocated.
/// REQUIRES: every slot is below output_rows, which nobody checks. cudaErrorInvalidValue for a shape that the
/// reference refuses, a null or misaligned pointer, a hidden_size beyond 512 * 65535 or more than 2^31 - 1
/// tokens; no tokens: nothing is launched.
///
/// A thread has four columns of a token, with 16-byte accesses where hidden_size is a multiple of 4 and
/// everything begins on 16 bytes, and asks for eight experts' rows before it uses the first. No sum crosses
/// columns: a token takes as many blocks as its columns fill. 4 * tokens * hidden_size * (top_k + 2) bytes,
/// 4 more a column for a shared expert, which the experts have just left in L2; 2 operations each. Bound by
/// L2 for many tokens, and at those of a decode step by two round trips to it, slots and rows, for 8 of
/// top_k.
[[nodiscard]] cudaError_t mix_experts(const ExpertMix& call, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
