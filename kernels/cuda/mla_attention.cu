#include "kernels/cuda/mla_attention.hpp"

#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/paged_span.cuh"
#include "kernels/cuda/paged_tile.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr std::uint32_t grid_z_max = 65535;

/// That a multiprocessor shall hold at once, which leaves 128 registers a thread.
constexpr int multiprocessor_blocks = 4;
constexpr int tile_rows = 16;
constexpr int block_heads = 8;
constexpr int thread_heads = 4;  ///< of scores and of sums
constexpr int row_packs = mla_row_dim / packed_values;
constexpr int latent_packs = mla_latent_dim / packed_values;
/// Rows and queries are padded so that 16-byte reads of different rows fall on different banks.
constexpr int row_bytes = mla_row_dim * 2 + 16;
constexpr int query_values = mla_row_dim + 4;

/// Shared memory of a block, in bytes from its begin.
constexpr int queries_at = tile_rows * row_bytes;                       // [heads, query_values]
constexpr int scores_at = queries_at + block_heads * query_values * 4;  // [warps, heads, rows]
constexpr int weights_at = scores_at + attention_warps * block_heads * tile_rows * 4;  // [rows, heads]
constexpr int rescales_at = weights_at + tile_rows * block_heads * 4;                  // [heads]
constexpr int places_at = rescales_at + block_heads * 4;                               // [2, rows]
constexpr int block_bytes = places_at + 2 * tile_rows * 8;
static_assert(places_at % 16 == 0 && block_bytes <= 48 << 10);
static_assert(attention_threads == block_heads * tile_rows);
static_assert(attention_threads * thread_heads == block_heads * latent_packs);

/// What a block works on: grid (splits * chunks of heads, 1, sequences).
struct MlaTask {
  std::uint32_t sequence;
  std::uint32_t split;
  std::uint32_t head;   ///< the first
  std::uint32_t heads;  ///< how many, at most block_heads
  TokenSpan span;
};

__host__ __device__ constexpr std::uint32_t head_chunks(std::uint32_t heads) {
  return (heads + block_heads - 1) / block_heads;
}

__device__ __forceinline__ MlaTask mla_task(const MlaAttention& call) {
  const std::uint32_t chunks = head_chunks(call.heads);
  const std::uint32_t split = blockIdx.x / chunks;
  const std::uint32_t head = (blockIdx.x - split * chunks) * block_heads;
  const std::uint32_t left = call.heads - head;
  return {blockIdx.z, split, head, left < block_heads ? left : block_heads,
          split_span(call.context_tokens[blockIdx.z], 0, split)};
}

__device__ __forceinline__ void load_queries(float* queries, const MlaAttention& call, const MlaTask& task) {
  const std::size_t first = std::size_t{task.sequence} * call.heads + task.head;
  for (unsigned head = 0; head < block_heads; ++head) {
    for (unsigned i = threadIdx.x; i < mla_row_dim; i += attention_threads) {
      float value = 0;
      if (head < task.heads) {
        value =
            i < mla_latent_dim
                ? load_one(call.q_latent, (first + head) * mla_latent_dim + i, call.q_format)
                : load_one(call.q_rope, (first + head) * mla_rope_dim + i - mla_latent_dim, call.q_format);
      }
      queries[head * query_values + i] = value;
    }
  }
}

/// This warp's part (every fourth pack) of the dot products: a lane has a row and four heads.
template <FloatFormat format>
__device__ __forceinline__ void score_rows(float* scores, const unsigned char* tile, const float* queries,
                                           int rows) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int row = static_cast<int>(threadIdx.x) % tile_rows;
  const int head = static_cast<int>(threadIdx.x) % 32 / tile_rows * thread_heads;
  float dots[thread_heads] = {};
  if (row < rows) {
#pragma unroll 2
    for (int pack = warp; pack < row_packs; pack += attention_warps) {
      float k[packed_values];
      unpack<format>(*reinterpret_cast<const uint4*>(tile + row * row_bytes + pack * 16), k);
#pragma unroll
      for (int h = 0; h < thread_heads; ++h) {
        dots[h] = dot_pack(k, queries + (head + h) * query_values + pack * packed_values, dots[h]);
      }
    }
  }
#pragma unroll
  for (int h = 0; h < thread_heads; ++h) scores[(warp * block_heads + head + h) * tile_rows + row] = dots[h];
}

/// A thread has a head and a row.
__device__ __forceinline__ void weigh_rows(float* weights, float* rescales, const float* scores,
                                           const std::uint64_t* places, OnlineSoftmax<tile_rows>& softmax,
                                           float scale, int rows) {
  const int head = static_cast<int>(threadIdx.x) / tile_rows;
  const int row = static_cast<int>(threadIdx.x) % tile_rows;
  float dot = 0;
#pragma unroll
  for (int w = 0; w < attention_warps; ++w) dot += scores[(w * block_heads + head) * tile_rows + row];
  float logit = -INFINITY;
  // Without a page nobody shall take the result for one.
  if (row < rows) logit = places[row] == no_place ? NAN : scale * dot;
  float rescale = 1;
  weights[row * block_heads + head] = softmax.add(logit, rescale);
  if (row == 0) rescales[head] = rescale;
}

/// sums = sums * rescale + weights . latent: a thread has one pack and four heads.
template <FloatFormat format>
__device__ __forceinline__ void sum_rows(float (&sums)[thread_heads][packed_values],
                                         const unsigned char* tile, const float* weights,
                                         const float* rescales, int rows) {
  const int head = static_cast<int>(threadIdx.x) / latent_packs * thread_heads;
  const int pack = static_cast<int>(threadIdx.x) % latent_packs;
#pragma unroll
  for (int h = 0; h < thread_heads; ++h) {
#pragma unroll
    for (int i = 0; i < packed_values; ++i) sums[h][i] *= rescales[head + h];
  }
#pragma unroll 2
  for (int row = 0; row < rows; ++row) {
    float v[packed_values];
    unpack<format>(*reinterpret_cast<const uint4*>(tile + row * row_bytes + pack * 16), v);
    const float4 four = *reinterpret_cast<const float4*>(weights + row * block_heads + head);
    const float of_head[thread_heads] = {four.x, four.y, four.z, four.w};
#pragma unroll
    for (int h = 0; h < thread_heads; ++h) {
#pragma unroll
      for (int i = 0; i < packed_values; ++i) sums[h][i] = fmaf(of_head[h], v[i], sums[h][i]);
    }
  }
}

__device__ __forceinline__ void write_split(const float (&sums)[thread_heads][packed_values],
                                            const OnlineSoftmax<tile_rows>& softmax, const MlaAttention& call,
                                            const MlaTask& task, const Partials& partials) {
  const std::size_t first = std::size_t{task.sequence} * call.heads + task.head;
  const unsigned sums_head = threadIdx.x / latent_packs * thread_heads;
#pragma unroll
  for (unsigned h = 0; h < thread_heads; ++h) {
    if (sums_head + h >= task.heads) continue;
    const std::size_t row = (first + sums_head + h) * partials.splits + task.split;
    auto* place = reinterpret_cast<float4*>(partials.values + row * mla_latent_dim +
                                            threadIdx.x % latent_packs * packed_values);
    place[0] = make_float4(sums[h][0], sums[h][1], sums[h][2], sums[h][3]);
    place[1] = make_float4(sums[h][4], sums[h][5], sums[h][6], sums[h][7]);
  }
  const unsigned head = threadIdx.x / tile_rows;
  const float weight = sum_of_lanes<tile_rows>(softmax.weight);
  if (head >= task.heads || threadIdx.x % tile_rows != 0) return;
  const std::size_t row = (first + head) * partials.splits + task.split;
  partials.largest[row] = softmax.largest;
  partials.weight[row] = weight;
}

/// Arithmetic bounds this kernel, and several blocks share a multiprocessor: while one waits for its rows,
/// others compute. A second buffer would cost such a block more than it hides.
template <FloatFormat format>
__global__ void __launch_bounds__(attention_threads, multiprocessor_blocks)
    mla_attention_kernel(KvPages pages, MlaAttention call, Partials partials) {
  PROPHET_DYNAMIC_SHARED(unsigned char, shared);
  auto* const queries = reinterpret_cast<float*>(shared + queries_at);
  auto* const scores = reinterpret_cast<float*>(shared + scores_at);
  auto* const weights = reinterpret_cast<float*>(shared + weights_at);
  auto* const rescales = reinterpret_cast<float*>(shared + rescales_at);
  auto* places = reinterpret_cast<std::uint64_t*>(shared + places_at);
  auto* next_places = places + tile_rows;

  const MlaTask task = mla_task(call);
  if (task.span.begin >= task.span.end) return;
  const auto* const base = static_cast<const unsigned char*>(pages.base);
  find_places(places, tile_rows, pages, task.sequence, task.span.begin, task.span.end, mla_row_dim * 2);
  load_queries(queries, call, task);

  OnlineSoftmax<tile_rows> softmax;
  float sums[thread_heads][packed_values] = {};
  for (std::uint32_t first = task.span.begin; first < task.span.end; first += tile_rows) {
    const int rows = min(static_cast<int>(task.span.end - first), tile_rows);
    __syncthreads();  // places (and at first the queries) are written, the tile before is read
    copy_tile<row_packs, row_bytes>(shared, base, places, rows);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    __syncthreads();  // the tile is there for all threads
    score_rows<format>(scores, shared, queries, rows);
    find_places(next_places, tile_rows, pages, task.sequence, first + tile_rows, task.span.end,
                mla_row_dim * 2);
    __syncthreads();  // scores are written
    weigh_rows(weights, rescales, scores, places, softmax, call.scale, rows);
    __syncthreads();  // weights are written
    sum_rows<format>(sums, shared, weights, rescales, rows);
    std::uint64_t* const read_places = places;
    places = next_places;
    next_places = read_places;
  }
  write_split(sums, softmax, call, task, partials);
}

}  // namespace

cudaError_t mla_attention(const KvPages& pages, const MlaAttention& call, void* workspace,
                          std::uint64_t workspace_bytes, cudaStream_t stream) noexcept {
  if (pages.sequences == 0) return cudaSuccess;
  if (!can_attend(pages, call) || pages.sequences > grid_z_max) return cudaErrorInvalidValue;
  if (call.context_tokens_max > attended_tokens_max) return cudaErrorInvalidValue;
  const std::uint64_t needed_bytes = mla_attention_workspace_bytes(pages.sequences, call);
  if (!is_workspace(workspace, workspace_bytes, needed_bytes)) return cudaErrorInvalidValue;
  const std::uint32_t splits = splits_of(call.context_tokens_max, 0);
  const Partials partials = cut_workspace(workspace, pages.sequences, call.heads, splits, mla_latent_dim);
  if (splits != 0) {
    const LaunchShape shape{.grid = dim3(splits * head_chunks(call.heads), 1, pages.sequences),
                            .block = dim3(attention_threads),
                            .shared_bytes = block_bytes,
                            .stream = stream};
    const cudaError_t status =
        pages.format == FloatFormat::fp16
            ? launch(mla_attention_kernel<FloatFormat::fp16>, shape, pages, call, partials)
            : launch(mla_attention_kernel<FloatFormat::bf16>, shape, pages, call, partials);
    if (status != cudaSuccess) return status;
  }
  const MergeCall merge{.context_tokens = call.context_tokens,
                        .context_tokens_max = call.context_tokens_max,
                        .output = call.output,
                        .output_format = call.output_format,
                        .sequences = pages.sequences,
                        .heads = call.heads,
                        .dim = mla_latent_dim};
  return merge_partials(partials, merge, stream);
}

}  // namespace prophet::kernels::cuda
