#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/expert_batch.hpp"
#include "kernels/kv_float.hpp"

namespace prophet::kernels::cuda {

/// The products of a batch of experts with one or two matrices each, all of one shape: for expert e and
/// matrix j
///   target[j] [rows of e, outputs] = source [rows of e, inputs] * matrix [outputs, inputs]^T
/// on the rows that the expert has in source and target. Everything row-major, in one type.
struct ExpertProducts {
  FloatFormat format = FloatFormat::fp32;
  std::uint32_t outputs = 0;
  std::uint32_t inputs = 0;
  std::uint32_t row_step = 1;           ///< of the matrices: 2 where gate and up are interleaved
  std::uint32_t matrices = 1;           ///< 1 or 2
  std::uint64_t offsets_bytes[2] = {};  ///< of the matrices, from an expert's weights
  /// Weights written out side by side, weights_stride_bytes each; null: they lie in the slabs.
  const std::byte* weights = nullptr;
  std::uint64_t weights_stride_bytes = 0;
  const std::byte* source = nullptr;
  std::byte* targets[2] = {};
};

/// Bytes of device memory in which the lists of pointers of a grouped call stand.
inline constexpr std::size_t product_pointers_bytes = 3 * 2 * expert_batch_max * sizeof(void*);

/// Submits them to the handle's stream: one grouped call, or where cuBLAS says that it has none for this
/// type, one call a product. Every expert of the batch has rows. `pointers` [product_pointers_bytes] is
/// written and must stay until the products have run. Errors of cuBLAS come back as the nearest cudaError_t.
[[nodiscard]] cudaError_t multiply_experts(cublasHandle_t handle, const ExpertBatch& experts,
                                           const ExpertProducts& products, void* pointers,
                                           cudaStream_t stream) noexcept;

/// The nearest of CUDA's own codes.
[[nodiscard]] cudaError_t cuda_error_of(cublasStatus_t status) noexcept;

}  // namespace prophet::kernels::cuda
