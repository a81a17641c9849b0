#include "kernels/cuda/paged_attention.hpp"

#include "kernels/cuda/paged_attention_kernel.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr std::uint32_t grid_z_max = 65535;
/// Query heads of a block at most. fp32 is there to be compared with, and not worth the larger kernels.
template <FloatFormat format>
constexpr std::uint32_t group_max = format == FloatFormat::fp32 ? 4 : 8;

template <FloatFormat format, int head_dim, int group>
cudaError_t launch_splits(const KvPages& pages, const PagedAttention& call, const Partials& partials,
                          cudaStream_t stream) {
  const std::uint32_t group_heads = call.q_heads / call.kv_heads;
  const std::uint32_t chunks = (group_heads + group - 1) / group;
  const LaunchShape shape{.grid = dim3(partials.splits, call.kv_heads * chunks, pages.sequences),
                          .block = dim3(attention_threads),
                          .shared_bytes = AttentionShape<format, head_dim, group>::shared_bytes,
                          .stream = stream};
  return launch(paged_attention_kernel<format, head_dim, group>, shape, pages, call, partials);
}

/// Query heads a block: a power of two that loads K and V as rarely and wastes as little as possible.
template <FloatFormat format, int head_dim>
cudaError_t launch_group(const KvPages& pages, const PagedAttention& call, const Partials& partials,
                         cudaStream_t stream) {
  const std::uint32_t group_heads = call.q_heads / call.kv_heads;
  const std::uint32_t chunks = (group_heads + group_max<format> - 1) / group_max<format>;
  const std::uint32_t chunk_heads = (group_heads + chunks - 1) / chunks;
  if (chunk_heads == 1) return launch_splits<format, head_dim, 1>(pages, call, partials, stream);
  if (chunk_heads == 2) return launch_splits<format, head_dim, 2>(pages, call, partials, stream);
  if constexpr (group_max<format> == 8) {
    if (chunk_heads > 4) return launch_splits<format, head_dim, 8>(pages, call, partials, stream);
  }
  return launch_splits<format, head_dim, 4>(pages, call, partials, stream);
}

template <FloatFormat format>
cudaError_t launch_head_dim(const KvPages& pages, const PagedAttention& call, const Partials& partials,
                            cudaStream_t stream) {
  switch (call.head_dim) {
    case 64:
      return launch_group<format, 64>(pages, call, partials, stream);
    case 80:
      return launch_group<format, 80>(pages, call, partials, stream);
    case 96:
      return launch_group<format, 96>(pages, call, partials, stream);
    case 128:
      return launch_group<format, 128>(pages, call, partials, stream);
    case 256:
      return launch_group<format, 256>(pages, call, partials, stream);
    default:
      return cudaErrorInvalidValue;
  }
}

cudaError_t launch_format(const KvPages& pages, const PagedAttention& call, const Partials& partials,
                          cudaStream_t stream) {
  switch (pages.format) {
    case FloatFormat::fp32:
      return launch_head_dim<FloatFormat::fp32>(pages, call, partials, stream);
    case FloatFormat::fp16:
      return launch_head_dim<FloatFormat::fp16>(pages, call, partials, stream);
    case FloatFormat::bf16:
      return launch_head_dim<FloatFormat::bf16>(pages, call, partials, stream);
  }
  return cudaErrorInvalidValue;
}

}  // namespace

cudaError_t paged_attention(const KvPages& pages, const PagedAttention& call, void* workspace,
                            std::uint64_t workspace_bytes, cudaStream_t stream) noexcept {
  if (pages.sequences == 0) return cudaSuccess;
  if (!can_attend(pages, call) || pages.sequences > grid_z_max) return cudaErrorInvalidValue;
  if (call.context_tokens_max > attended_tokens_max) return cudaErrorInvalidValue;
  const std::uint64_t needed_bytes = paged_attention_workspace_bytes(pages.sequences, call);
  if (!is_workspace(workspace, workspace_bytes, needed_bytes)) return cudaErrorInvalidValue;
  const std::uint32_t splits = splits_of(call.context_tokens_max, call.window_tokens);
  const Partials partials = cut_workspace(workspace, pages.sequences, call.q_heads, splits, call.head_dim);
  if (splits != 0) {
    const cudaError_t status = launch_format(pages, call, partials, stream);
    if (status != cudaSuccess) return status;
  }
  const MergeCall merge{call.context_tokens, call.context_tokens_max, call.window_tokens, call.sinks,
                        call.output,         call.output_format,      pages.sequences,    call.q_heads,
                        call.head_dim};
  return merge_partials(partials, merge, stream);
}

}  // namespace prophet::kernels::cuda
