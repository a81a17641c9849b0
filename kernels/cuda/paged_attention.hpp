#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/paged_partials.hpp"
#include "kernels/paged_attention.hpp"

namespace prophet::kernels::cuda {

/// Bytes of workspace that paged_attention needs.
[[nodiscard]] constexpr std::uint64_t paged_attention_workspace_bytes(std::uint32_t sequences,
                                                                      const PagedAttention& call) noexcept {
  return partials_bytes(sequences, call.q_heads, splits_of(call.context_tokens_max, call.window_tokens),
                        call.head_dim);
}

/// kernels::paged_attention on the device: see kernels/paged_attention.hpp for shapes and formula. All memory
/// is device memory, read and written in stream order; the workspace, of paged_attention_workspace_bytes and
/// aligned to 16 bytes, is free again when the stream has passed. Sums in fp32. The result is a function of
/// each sequence's own values: it does not change with batch, context_tokens_max or GPU.
///
/// One block a split of split_tokens, KV head and up to 8 of its query heads (4 with fp32 pages); K and V
/// pass through shared memory in tiles of 32 tokens (16 where a row has 1,024 bytes) by asynchronous 16-byte
/// copies, K of the next tile while V of this one is summed and the other way round. A second kernel merges
/// the splits.
///
/// Bytes: sum over sequences of attended tokens * kv_heads * head_dim * 4 (fp32: 8), and the partial results,
/// 2 * 4 * (head_dim + 2) * q_heads for every 256 tokens: below 7 % of it for 8 query heads a KV head.
/// Operations: 4 * q_heads
/// * head_dim a token, fp32 without tensor cores. Bound: memory bandwidth up to 8 query heads a KV head (8
/// operations a byte: an A100 has 10 fp32 operations a byte, an H100 20); with more, the blocks of one KV
/// head read it again from L2 and the fp32 units are the bound.
///
/// cudaErrorInvalidValue for what can_attend() denies, a workspace too small or misaligned, more than 65535
/// sequences or a context_tokens_max beyond attended_tokens_max; no sequences: nothing is launched.
[[nodiscard]] cudaError_t paged_attention(const KvPages& pages, const PagedAttention& call, void* workspace,
                                          std::uint64_t workspace_bytes, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
