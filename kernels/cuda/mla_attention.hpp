#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/paged_partials.hpp"
#include "kernels/mla_attention.hpp"

namespace prophet::kernels::cuda {

/// Bytes of workspace that mla_attention needs.
[[nodiscard]] constexpr std::uint64_t mla_attention_workspace_bytes(std::uint32_t sequences,
                                                                    const MlaAttention& call) noexcept {
  return partials_bytes(sequences, call.heads, splits_of(call.context_tokens_max, 0), mla_latent_dim);
}

/// kernels::mla_attention on the device: see kernels/mla_attention.hpp for shapes and formula. All memory is
/// device memory, read and written in stream order; the workspace, of mla_attention_workspace_bytes and
/// aligned to 16 bytes, is free again when the stream has passed. Sums in fp32; a result is a function of its
/// sequence's values alone.
///
/// One block a split of split_tokens and 8 heads. A tile of 16 rows lies in shared memory, where it is K and
/// V at once. Neighbouring blocks are the heads of one split, so that all but the first find the rows in L2.
///
/// Bytes: sum of context_tokens * 1152, and the partial results, 2 * 4 * 514 * heads for every 256 tokens.
/// Operations: 2176 * heads a token in fp32 without tensor cores. Bound: the fp32 units from 6 heads (A100)
/// or 11 heads (H100) on, for 128 heads by a factor of about 25 or 12; only tensor cores would bring it near
/// the memory's bound.
///
/// cudaErrorInvalidValue for what can_attend() denies, a workspace too small or misaligned, more than 65535
/// sequences or a context_tokens_max beyond attended_tokens_max; no sequences: nothing is launched.
[[nodiscard]] cudaError_t mla_attention(const KvPages& pages, const MlaAttention& call, void* workspace,
                                        std::uint64_t workspace_bytes, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
