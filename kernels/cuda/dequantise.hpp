#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/expert_batch.hpp"
#include "kernels/expert_layout.hpp"

namespace prophet::kernels::cuda {

/// Writes one stored matrix of every slab of a batch as bf16: value [row, column] of slab s, rounded to
/// nearest from code * scale in fp32 (see kernels/expert_formats.hpp), goes to output + s * stride_values +
/// row * columns + column. Stored rows: interleaved gate and up are one matrix.
///
/// output in device memory, on 16 bytes; stride_values a multiple of 8, so that all accesses are of 16 bytes.
/// Moves the slab's bytes in and 2 bytes a value out, and is bound by memory. Allocates nothing.
/// cudaErrorInvalidValue: a null or misaligned pointer, a format of 16 bits or more, or rows whose length is
/// no multiple of its column_multiple(). No experts: nothing is launched.
[[nodiscard]] cudaError_t dequantise(ExpertFormat format, const MatrixLayout& matrix,
                                     const ExpertBatch& experts, void* output, std::uint64_t stride_values,
                                     cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
