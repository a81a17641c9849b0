#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace prophet::kernels::cuda {

/// kernels::combine on the device (see kernels/combine.hpp for the formula).
///
/// hidden [tokens, hidden_size] fp32, read and written; outputs [*, hidden_size] fp32; slots [tokens, top_k],
/// each a row of outputs: all in device memory, all three read in stream order. The sum over r is in the
/// order of r, as in the reference; the mean of squares is summed in fp64 in a fixed order of its own, so
/// that a result depends on nothing but the values. Allocates nothing. cudaErrorInvalidValue for a null
/// pointer, a hidden_size of 0, or tokens or a hidden_size beyond 2^31 - 1; no tokens: nothing is launched.
///
/// A block a token, its threads four columns each, with 16-byte accesses where hidden_size is a multiple of 4
/// and hidden and outputs are aligned to 16 bytes. 4 * tokens * hidden_size * (top_k + 2) bytes, which the
/// experts have just left in L2. With one token one multiprocessor works: what it draws from L2, some 64
/// bytes a clock, is the bound, and below it a round trip to L2 for every 4 of top_k and 4,096 columns; some
/// microseconds.
[[nodiscard]] cudaError_t combine(float* hidden, const float* outputs, const std::uint32_t* slots,
                                  std::uint32_t tokens, std::uint32_t top_k, std::uint32_t hidden_size,
                                  cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
