#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/cuda/expert_batch.hpp"
#include "kernels/cuda/expert_ffn.hpp"
#include "kernels/expert_activation.hpp"
#include "kernels/expert_layout.hpp"
#include "kernels/kv_float.hpp"

/// What stands around the matrix products of the many-token way: kernels over rows, bound by memory. Sixteen
/// bytes at a time where eight values are a part of a row and rows begin on 16 bytes; one value at a time
/// elsewhere. Nothing is allocated; no rows or experts: nothing is launched; cudaErrorInvalidValue for a null
/// pointer.
namespace prophet::kernels::cuda {

/// gathered[i] = hidden[rows[i]], converted to `format`; gathered [row_count, hidden_size].
[[nodiscard]] cudaError_t gather_rows(const HiddenRows& hidden, const std::uint32_t* rows,
                                      std::uint32_t row_count, std::uint32_t hidden_size, FloatFormat format,
                                      void* gathered, cudaStream_t stream) noexcept;

/// gate[i] = activate(gate[i] + bias, up[i] + bias) for the rows of the experts, in fp32 in between; gate and
/// up
/// [*, width] in `format`. `up` is not read by ungated activations.
[[nodiscard]] cudaError_t activate_rows(const SlabLayout& layout, ExpertActivation activation,
                                        const ExpertBatch& experts, FloatFormat format, void* gate,
                                        const void* up, cudaStream_t stream) noexcept;

/// output[i] = product[i] + bias for the rows of the experts; product [*, hidden_size] in `format`, output
/// fp32.
[[nodiscard]] cudaError_t finish_rows(const SlabLayout& layout, const ExpertBatch& experts,
                                      FloatFormat format, const void* product, float* output,
                                      cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
