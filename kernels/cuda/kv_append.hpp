#pragma once

#include <cuda_runtime_api.h>

#include "kernels/kv_append.hpp"

namespace prophet::kernels::cuda {

/// kernels::kv_append on the device, bit for bit: see kernels/kv_append.hpp for shapes and for the tokens
/// that are left out. All memory is device memory, read and written in stream order; nothing is allocated.
///
/// One block a token and matrix; each thread moves 8 values with 16-byte accesses. Bytes: tokens * kv_heads *
/// head_dim * 2 * (input bytes + stored bytes). No arithmetic: bound by memory bandwidth, and below some
/// hundred tokens by the launch. cudaErrorInvalidValue for what can_append() denies; no tokens: nothing is
/// launched.
[[nodiscard]] cudaError_t kv_append(const KvPages& pages, const KvRows& rows, cudaStream_t stream) noexcept;

/// kernels::latent_append on the device. Bytes: tokens * row_dim * (input bytes + 2).
[[nodiscard]] cudaError_t latent_append(const KvPages& pages, const LatentRows& rows,
                                        cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
