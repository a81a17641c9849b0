#pragma once

#include <cstdint>

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/paged_span.cuh"
#include "kernels/cuda/paged_tile.cuh"
#include "kernels/paged_attention.hpp"

/// The kernel of paged_attention.cu. A block works on one split of one sequence, one KV head and `group`
/// query heads.
///
/// Scores: a lane has a token, a warp every fourth pack (8 numbers) of head_dim; the warps' parts of a dot
/// product meet in shared memory. K rows are padded by 16 bytes, so that the lanes' 16-byte reads fall on
/// different banks. Softmax: a warp has a query, a lane a token. Values: a thread has one pack of head_dim
/// and every `slices`-th token; the slices' sums meet in shared memory at the end.
namespace prophet::kernels::cuda {

/// Columns of V that a thread sums.
inline constexpr int quad_values = 4;

/// Shared memory of a block, in bytes from its begin.
template <FloatFormat format, int head_dim, int group>
struct AttentionShape {
  static constexpr int row_bytes = head_dim * static_cast<int>(value_bytes<format>);
  /// At most one a lane; as many as shared memory has room for.
  static constexpr int tile_tokens = row_bytes > 512 ? 16 : 32;
  /// That a multiprocessor shall hold at once: 128 registers a thread, and 168 for the sums of 8 queries.
  static constexpr int blocks = group == 8 ? 3 : 4;
  static constexpr int packs = head_dim / packed_values;
  static constexpr int warp_packs = (packs + attention_warps - 1) / attention_warps;
  static constexpr int warp_queries = (group + attention_warps - 1) / attention_warps;
  static constexpr int quads = head_dim / quad_values;
  static constexpr int slices = attention_threads / quads;
  static constexpr int row_chunks = row_bytes / 16;  ///< of 16 bytes
  static constexpr int k_row_bytes = row_bytes + 16;
  static constexpr int v_row_bytes = row_bytes;

  static constexpr int v_tile = tile_tokens * k_row_bytes;
  static constexpr int tiles_bytes = v_tile + tile_tokens * v_row_bytes;
  static constexpr int sums_bytes = slices * group * head_dim * 4;  ///< lie where the tiles were
  static constexpr int queries = tiles_bytes > sums_bytes ? tiles_bytes : sums_bytes;  ///< [group, head_dim]
  static constexpr int scores = queries + group * head_dim * 4;  ///< [warps, group, tile_tokens]
  static constexpr int weights =
      scores + attention_warps * group * tile_tokens * 4;               ///< [tile_tokens, group]
  static constexpr int rescales = weights + tile_tokens * group * 4;    ///< [group]
  static constexpr int places = (rescales + group * 4 + 15) / 16 * 16;  ///< [2, tile_tokens]
  static constexpr int shared_bytes = places + 2 * tile_tokens * 8;
  static_assert(shared_bytes <= 48 << 10, "more needs an attribute of the kernel");
};

/// What a block works on.
struct AttentionTask {
  std::uint32_t sequence;
  std::uint32_t kv_head;
  std::uint32_t head;   ///< the first query head
  std::uint32_t heads;  ///< how many, at most `group`
  TokenSpan span;
};

/// Grid (splits, kv_heads * chunks of query heads, sequences).
template <int group>
__device__ __forceinline__ AttentionTask attention_task(const PagedAttention& call) {
  const std::uint32_t group_heads = call.q_heads / call.kv_heads;
  const std::uint32_t chunks = (group_heads + group - 1) / group;
  const std::uint32_t kv_head = blockIdx.y / chunks;
  const std::uint32_t first = (blockIdx.y - kv_head * chunks) * group;
  const std::uint32_t left = group_heads - first;
  return {blockIdx.z, kv_head, kv_head * group_heads + first, left < group ? left : group,
          split_span(call.context_tokens[blockIdx.z], call.window_tokens, blockIdx.x)};
}

template <int head_dim, int group>
__device__ __forceinline__ void load_queries(float* queries, const PagedAttention& call,
                                             const AttentionTask& task) {
  const std::size_t first = (std::size_t{task.sequence} * call.q_heads + task.head) * head_dim;
  for (int i = static_cast<int>(threadIdx.x); i < group * head_dim; i += attention_threads) {
    const bool present = i < static_cast<int>(task.heads) * head_dim;
    queries[i] = present ? load_one(call.q, first + i, call.q_format) : 0.0F;
  }
}

/// This warp's part of the dot products of its lanes' tokens.
template <FloatFormat format, int head_dim, int group>
__device__ __forceinline__ void score_tile(float* scores, const unsigned char* k_tile, const float* queries,
                                           int tokens) {
  using Shape = AttentionShape<format, head_dim, group>;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  float dots[group] = {};
  if (lane < tokens) {
#pragma unroll(group == 8 ? 1 : Shape::warp_packs)
    for (int i = 0; i < Shape::warp_packs; ++i) {
      const int pack = warp + i * attention_warps;
      if (pack < Shape::packs) {
        float k[packed_values];
        load_packed<format>(k_tile + lane * Shape::k_row_bytes, pack, k);
#pragma unroll
        for (int g = 0; g < group; ++g) {
          dots[g] = dot_pack(k, queries + g * head_dim + pack * packed_values, dots[g]);
        }
      }
    }
  }
  if (lane >= Shape::tile_tokens) return;
#pragma unroll
  for (int g = 0; g < group; ++g) scores[(warp * group + g) * Shape::tile_tokens + lane] = dots[g];
}

/// scale * dot, capped; a token without a page makes the result not a number, so that nobody takes it for
/// one.
__device__ __forceinline__ float logit_of(const PagedAttention& call, float dot, std::uint64_t place) {
  if (place == no_place) return NAN;
  const float logit = call.scale * dot;
  return call.soft_cap == 0 ? logit : call.soft_cap * tanhf(logit / call.soft_cap);
}

template <int group, int tile_tokens, int warp_queries>
__device__ __forceinline__ void weigh_tile(float* weights, float* rescales, const float* scores,
                                           const std::uint64_t* places,
                                           OnlineSoftmax<32> (&softmax)[warp_queries],
                                           const PagedAttention& call, int tokens) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
  for (int i = 0; i < warp_queries; ++i) {
    const int g = warp + i * attention_warps;
    if (g >= group) continue;
    float logit = -INFINITY;
    if (lane < tokens) {
      float dot = 0;
#pragma unroll
      for (int w = 0; w < attention_warps; ++w) dot += scores[(w * group + g) * tile_tokens + lane];
      logit = logit_of(call, dot, places[lane]);
    }
    float rescale = 1;
    const float weight = softmax[i].add(logit, rescale);
    if (lane < tile_tokens) weights[lane * group + g] = weight;
    if (lane == 0) rescales[g] = rescale;
  }
}

/// sums = sums * rescale + weights . V over this thread's tokens and columns.
template <FloatFormat format, int head_dim, int group>
__device__ __forceinline__ void sum_tile(float (&sums)[group][quad_values], const unsigned char* v_tile,
                                         const float* weights, const float* rescales, int tokens) {
  using Shape = AttentionShape<format, head_dim, group>;
  const int slice = static_cast<int>(threadIdx.x) / Shape::quads;
  const int quad = static_cast<int>(threadIdx.x) - slice * Shape::quads;
  if (slice >= Shape::slices) return;
#pragma unroll
  for (int g = 0; g < group; ++g) {
    const float rescale = rescales[g];
#pragma unroll
    for (int i = 0; i < quad_values; ++i) sums[g][i] *= rescale;
  }
#pragma unroll(group == 8 ? 1 : 2)
  for (int token = slice; token < tokens; token += Shape::slices) {
    const float4 values = load_quad<format>(v_tile + token * Shape::v_row_bytes, quad);
#pragma unroll
    for (int g = 0; g < group; ++g) {
      const float weight = weights[token * group + g];
      sums[g][0] = fmaf(weight, values.x, sums[g][0]);
      sums[g][1] = fmaf(weight, values.y, sums[g][1]);
      sums[g][2] = fmaf(weight, values.z, sums[g][2]);
      sums[g][3] = fmaf(weight, values.w, sums[g][3]);
    }
  }
}

/// Adds up the slices and writes the split's values.
template <FloatFormat format, int head_dim, int group>
__device__ __forceinline__ void write_values(float* slice_sums, const float (&sums)[group][quad_values],
                                             const PagedAttention& call, const AttentionTask& task,
                                             const Partials& partials) {
  using Shape = AttentionShape<format, head_dim, group>;
  const int slice = static_cast<int>(threadIdx.x) / Shape::quads;
  const int quad = static_cast<int>(threadIdx.x) - slice * Shape::quads;
  if (slice < Shape::slices) {
#pragma unroll
    for (int g = 0; g < group; ++g) {
      float* const place = slice_sums + (slice * group + g) * head_dim + quad * quad_values;
      *reinterpret_cast<float4*>(place) = make_float4(sums[g][0], sums[g][1], sums[g][2], sums[g][3]);
    }
  }
  __syncthreads();
  const std::size_t first = std::size_t{task.sequence} * call.q_heads + task.head;
  for (int i = static_cast<int>(threadIdx.x); i < static_cast<int>(task.heads) * head_dim;
       i += attention_threads) {
    float sum = 0;
#pragma unroll
    for (int s = 0; s < Shape::slices; ++s) sum += slice_sums[s * group * head_dim + i];
    const int g = i / head_dim;
    partials.values[((first + g) * partials.splits + blockIdx.x) * head_dim + i - g * head_dim] = sum;
  }
}

template <int group, int warp_queries>
__device__ __forceinline__ void write_weights(const OnlineSoftmax<32> (&softmax)[warp_queries],
                                              const PagedAttention& call, const AttentionTask& task,
                                              const Partials& partials) {
#pragma unroll
  for (int i = 0; i < warp_queries; ++i) {
    const std::uint32_t g = threadIdx.x / 32 + i * attention_warps;
    const float weight = sum_of_lanes<32>(softmax[i].weight);
    if (g >= task.heads || threadIdx.x % 32 != 0) continue;
    const std::size_t row =
        (std::size_t{task.sequence} * call.q_heads + task.head + g) * partials.splits + blockIdx.x;
    partials.largest[row] = softmax[i].largest;
    partials.weight[row] = weight;
  }
}

/// Two groups of copies are in flight at any time, K of a tile and V of a tile, so that "all but the last" is
/// always the one that is needed next.
template <FloatFormat format, int head_dim, int group>
__global__ void __launch_bounds__(attention_threads, AttentionShape<format, head_dim, group>::blocks)
    paged_attention_kernel(KvPages pages, PagedAttention call, Partials partials) {
  using Shape = AttentionShape<format, head_dim, group>;
  constexpr int tile_tokens = Shape::tile_tokens;
  PROPHET_DYNAMIC_SHARED(unsigned char, shared);
  unsigned char* const v_tile = shared + Shape::v_tile;
  auto* const queries = reinterpret_cast<float*>(shared + Shape::queries);
  auto* const scores = reinterpret_cast<float*>(shared + Shape::scores);
  auto* const weights = reinterpret_cast<float*>(shared + Shape::weights);
  auto* const rescales = reinterpret_cast<float*>(shared + Shape::rescales);
  auto* places = reinterpret_cast<std::uint64_t*>(shared + Shape::places);
  auto* next_places = places + tile_tokens;

  const AttentionTask task = attention_task<group>(call);
  if (task.span.begin >= task.span.end) return;
  const std::uint32_t row_bytes = call.kv_heads * Shape::row_bytes;
  const unsigned char* const k =
      static_cast<const unsigned char*>(pages.base) + task.kv_head * Shape::row_bytes;
  const unsigned char* const v = k + std::size_t{pages.page_tokens} * row_bytes;

  find_places(places, tile_tokens, pages, task.sequence, task.span.begin, task.span.end, row_bytes);
  load_queries<head_dim, group>(queries, call, task);
  __syncthreads();
  int tokens = min(static_cast<int>(task.span.end - task.span.begin), tile_tokens);
  copy_tile<Shape::row_chunks, Shape::k_row_bytes>(shared, k, places, tokens);
  __pipeline_commit();
  copy_tile<Shape::row_chunks, Shape::v_row_bytes>(v_tile, v, places, tokens);
  __pipeline_commit();

  OnlineSoftmax<32> softmax[Shape::warp_queries];
  float sums[group][quad_values] = {};
  for (std::uint32_t first = task.span.begin; first < task.span.end; first += tile_tokens) {
    const int left = static_cast<int>(task.span.end - first) - tokens;
    const int next_tokens = min(left, tile_tokens);
    __pipeline_wait_prior(1);
    __syncthreads();  // K is there for all threads
    score_tile<format, head_dim, group>(scores, shared, queries, tokens);
    find_places(next_places, tile_tokens, pages, task.sequence, first + tile_tokens, task.span.end,
                row_bytes);
    __syncthreads();  // scores and places are written, K is read
    copy_tile<Shape::row_chunks, Shape::k_row_bytes>(shared, k, next_places, next_tokens);
    __pipeline_commit();
    weigh_tile<group, tile_tokens>(weights, rescales, scores, places, softmax, call, tokens);
    __pipeline_wait_prior(1);
    __syncthreads();  // V and the weights are there for all threads
    sum_tile<format, head_dim, group>(sums, v_tile, weights, rescales, tokens);
    __syncthreads();  // V and the weights are read
    copy_tile<Shape::row_chunks, Shape::v_row_bytes>(v_tile, v, next_places, next_tokens);
    __pipeline_commit();
    std::uint64_t* const read_places = places;
    places = next_places;
    next_places = read_places;
    tokens = next_tokens;
  }
  write_weights<group>(softmax, call, task, partials);
  write_values<format, head_dim, group>(reinterpret_cast<float*>(shared), sums, call, task, partials);
}

}  // namespace prophet::kernels::cuda
