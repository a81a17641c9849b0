#pragma once

#include <cuda_runtime_api.h>

#include "kernels/rms_norm.hpp"

namespace prophet::kernels::cuda {

/// kernels::rms_norm on the device, bit for bit: see kernels/rms_norm.hpp for shapes, formula and the order
/// of the sum, which depends on nothing but the row's length. All memory is device memory, read and written
/// in stream order; nothing is allocated. cudaErrorInvalidValue for what has_shape() denies, a null or
/// misaligned pointer, or more than 2^31 - 1 rows; no rows: nothing is launched.
///
/// A block a row, of at most 256 threads: all bring 4,096 columns at a time to shared memory and one warp
/// sums their squares, for the order gives a sum 32 parts and no more; then all scale what they read again.
/// Four columns at a time where columns are a multiple of 4 and input, output and weight begin on 16 bytes.
///   bytes        rows * columns * 8, and from L2 columns * (4 + bytes of a weight) a row
///   operations   4 * rows * columns, 2 of them in fp64
/// Bound by memory for a prompt's rows. A decode step's few are bound by latency: two round trips to L2 or
/// memory, and columns / 32 additions in fp64, one after the other (2,048 columns: some 500 clocks).
[[nodiscard]] cudaError_t rms_norm(const RmsNorm& call, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
