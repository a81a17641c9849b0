#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace prophet::kernels::cuda {

/// kernels::dense on the device (see kernels/dense.hpp for the formula and the workspace's size).
///
/// hidden [tokens, hidden_size] fp32, read and written; weights [rows, hidden_size] fp32; workspace
/// [dense_workspace_floats]: all in device memory, in stream order. Two launches; allocates nothing.
/// cudaErrorInvalidValue for a null pointer, a hidden_size of 0 or beyond 2^31 - 1, or more than 8 * 65535
/// tokens; no tokens or rows: nothing is launched.
///
/// The order of the sum is fixed, so that a result depends on nothing but the values and shapes: for column j
/// of a token, 32 partial sums begin at 0; element i of row j, then of row j + hidden_size, and so on, is
/// added in ascending (row, i) to partial sum (i / 4) mod 32 with fmaf(weight, input, sum); the partial sums
/// are added in pairs whose numbers differ by 16, then 8, 4, 2 and 1. The update is fmaf(1 / sqrt(rows), sum,
/// hidden).
///
/// For few tokens: every weight is read once for each eight tokens, with 16-byte loads where hidden_size is a
/// multiple of 4 and the pointers are aligned to 16 bytes. 4 * rows * hidden_size bytes and 2 * tokens * rows
/// * hidden_size operations, up to 4 operations a byte: bound by memory.
[[nodiscard]] cudaError_t dense(float* hidden, const float* weights, std::uint32_t tokens, std::uint64_t rows,
                                std::uint32_t hidden_size, float* workspace, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
