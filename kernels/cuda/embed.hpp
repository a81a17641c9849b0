#pragma once

#include <cuda_runtime_api.h>

#include "kernels/embed.hpp"

namespace prophet::kernels::cuda {

/// kernels::embed on the device, bit for bit: see kernels/embed.hpp for shapes and for ids that the table has
/// not. All memory is device memory, read and written in stream order; nothing is allocated.
/// cudaErrorInvalidValue for what has_shape() denies, a null or misaligned pointer, or more than 2^31 - 1
/// tokens; no tokens: nothing is launched.
///
/// A block a token; a thread has 8 columns, with 16-byte accesses where columns are a multiple of 8 and table
/// and output begin on 16 bytes, and one elsewhere. Bytes: tokens * columns * (value bytes + 4). No
/// arithmetic: bound by memory, and at the few tokens of a decode step by the launch.
[[nodiscard]] cudaError_t embed(const Embedding& call, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
