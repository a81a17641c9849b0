#pragma once

#include <cuda_runtime_api.h>

#include "kernels/linear.hpp"

namespace prophet::kernels::cuda {

/// kernels::linear on the device: see kernels/linear.hpp for shapes, formula and the order of the sum, which
/// depends on nothing but the number of columns. So a token's result does not change with who shares its
/// batch, and has the reference's bits wherever no product falls below fp32's smallest normal number.
///
/// All memory is device memory, read and written in stream order; nothing is allocated. A matrix whose rows
/// are a multiple of 16 bytes and begin on 16 is read 16 bytes at a time; any other value by value, some
/// times slower. cudaErrorInvalidValue for what has_shape() denies, a null or misaligned pointer, or more
/// than 8 * 65535 tokens; no tokens: nothing is launched.
///
/// A kernel for few tokens: a warp has four rows of the matrix and up to eight tokens, as the expert kernels
/// (expert_piece.cuh). With v bytes a value:
///   bytes        v * rows * columns for every 8 tokens, from the second 8 on out of L2 as far as it holds
///                the matrix; 4 * tokens * (columns + rows); from L2 the input once more for every 32 rows
///   operations   2 * tokens * rows * columns
/// Bound by memory up to 8 tokens (at most 8 operations a byte of bf16: an A100 has 10 fp32 operations a
/// byte, an H100 20). A prompt is bound by L2 and the fp32 units: 1,024 tokens read a matrix 128 times, and
/// tensor cores, which would add in another order, would be faster by an order of magnitude.
[[nodiscard]] cudaError_t linear(const Linear& call, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
