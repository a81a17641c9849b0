#pragma once

#include <cuda_runtime_api.h>

#include "kernels/rotary.hpp"

namespace prophet::kernels::cuda {

/// kernels::rotary on the device, bit for bit: see kernels/rotary.hpp for shapes, formula and for positions
/// that the table has not. All memory is device memory, read and written in stream order; nothing is
/// allocated. cudaErrorInvalidValue for what has_shape() denies, a null or misaligned pointer, or more than
/// 2^31 - 1 tokens; no tokens: nothing is launched.
///
/// A block a token; a thread turns four pairs, with 16-byte accesses where head_dim is a multiple of 8 and
/// values and table begin on 16 bytes, or one. Bytes: tokens * heads * head_dim * 8, and the token's row of
/// the table, 4 * head_dim, once a head from L1 or L2. 3 operations a value: bound by memory, and at the few
/// tokens of a decode step by the launch.
[[nodiscard]] cudaError_t rotary(const Rotary& call, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
