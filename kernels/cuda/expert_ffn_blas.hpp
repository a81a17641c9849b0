#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/cuda/expert_ffn.hpp"
#include "kernels/expert_activation.hpp"
#include "kernels/expert_layout.hpp"

/// The expert feed-forward network for many tokens: matrix products of cuBLAS, all experts of a layer in one
/// grouped call a projection, with kernels that gather, dequantise, activate and finish around them. The host
/// has to know how many rows each expert has: this is the way of steps that no graph captures.
///
/// Products are of fp32 for an fp32 layout, fp16 for fp16 and bf16 for all others, summed in fp32; their
/// results are rounded to that type before biases and activation, which are computed in fp32, and the inner
/// layer is rounded once more. (cuBLAS' grouped products write no other type than they read.) An fp16 layout
/// overflows where a projection leaves fp16's range. The order of sums is cuBLAS' own: apart from those
/// roundings, each 2^-9 of its value in bf16 and 2^-11 in fp16, and from neighbours that another order rounds
/// to, the outputs are the reference's. An output that is a small difference of large terms differs by more
/// of itself: about 1e-2 of the largest output was seen. fp32 stays within 1e-5 of the largest output, if the
/// handle's math mode allows no TF32.
///
/// Codes of 8 and 4 bits are first written out as bf16, as many experts at once as the workspace holds. For R
/// rows of all experts, E experts of n values, b bytes a stored value and e bytes a computed one:
///   from memory   E * n * b, and with codes of 8 and 4 bits 2 * 2 * E * n more; activations at most
///                 R * e * (4 * hidden_size + 7 * width) and 4 * R * hidden_size written
///   operations    2 * R * n
///   time at least many_token_weight_s() in kernels/expert_crossover.hpp, weight for weight
namespace prophet::kernels::cuda {

/// One expert of a layer as the host knows it: its slab and where its rows lie in the list of all rows.
struct ExpertRows {
  const void* slab = nullptr;
  std::uint32_t first_row = 0;
  std::uint32_t rows = 0;
};

/// Memory of the caller's, on the device.
struct DeviceWorkspace {
  void* data = nullptr;
  std::size_t size_bytes = 0;
};

/// Bytes with which `rows` rows of all experts together can be computed, `experts_at_once` experts in one go
/// (at least 1, at most expert_batch_max count). Only codes of 8 and 4 bits need more for more experts at
/// once.
[[nodiscard]] std::size_t expert_ffn_blas_workspace_bytes(const SlabLayout& layout, std::size_t rows,
                                                          std::size_t experts_at_once) noexcept;

/// output[i] = the network of its expert at hidden[rows[i]], for the rows of `experts` (on the host, read
/// before the call returns). rows [row_count] and output [row_count, hidden_size] fp32 in device memory;
/// workspace on 256 bytes. Rows that no expert has stay as they were; no two experts may share a row's place.
///
/// The handle's stream becomes `stream`; its pointer mode must be CUBLAS_POINTER_MODE_HOST. One host thread
/// at a time uses the handle. Allocates nothing itself; cuBLAS has its own workspace, or the one given to the
/// handle. REQUIRES: every row is one of hidden.
///
/// cudaErrorInvalidValue: a null pointer, a layout, activation or alignment that expert_ffn() refuses, an
/// expert whose rows are not within row_count, a dimension beyond 2^31 - 1, or a workspace too small for one
/// expert at once. What cuBLAS refuses comes back as the nearest cudaError_t.
[[nodiscard]] cudaError_t expert_ffn_blas(cublasHandle_t handle, const SlabLayout& layout,
                                          ExpertActivation activation, std::span<const ExpertRows> experts,
                                          const HiddenRows& hidden, const std::uint32_t* rows,
                                          std::uint32_t row_count, float* output,
                                          const DeviceWorkspace& workspace, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
