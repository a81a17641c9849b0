#include "kernels/cuda/paged_partials.hpp"

#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/paged_span.cuh"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned block_threads = 128;
/// That a multiprocessor shall hold at once. Where no number is given, the compiler saves registers by having
/// loads wait for each other.
constexpr unsigned multiprocessor_blocks = 4;

/// Splits that are read before the first of them is used.
constexpr std::uint32_t batch = 16;

/// The sums of one column and of the weights over the splits, in their order.
struct MergedColumn {
  float sum;
  float weight;

  __device__ void add(float value, float split_weight, float factor) {
    weight = fmaf(split_weight, factor, weight);
    sum = fmaf(value, factor, sum);
  }
};

/// What the splits of one head have left, from some split on.
struct Splits {
  const float* values;  ///< this thread's column of the first
  const float* largest;
  const float* weight;
};

/// Adds `batch` splits from `first` on, or where these are not `whole` those below `count`; all are read
/// before the first is used. `largest` is that of all splits.
template <bool whole>
__device__ __forceinline__ void add_splits(MergedColumn& column, const Splits& splits, std::uint32_t first,
                                           std::uint32_t count, std::uint32_t dim, float largest) {
  float value[batch];
  float own_largest[batch];
  float weight[batch];
#pragma unroll
  for (std::uint32_t i = 0; i < batch; ++i) {
    if (!whole && first + i >= count) continue;
    value[i] = splits.values[std::size_t{first + i} * dim];
    own_largest[i] = splits.largest[first + i];
    weight[i] = splits.weight[first + i];
  }
#pragma unroll
  for (std::uint32_t i = 0; i < batch; ++i) {
    if (!whole && first + i >= count) continue;
    column.add(value[i], weight[i], expf(own_largest[i] - largest));
  }
}

/// Block (head, sequence). Every thread finds the factors of the splits for itself, which costs less than to
/// share them, and sums its own columns. A long context has hundreds of splits and few such blocks: what
/// hides the way to memory is the number of splits that are read at once.
__global__ void __launch_bounds__(block_threads, multiprocessor_blocks)
    merge_kernel(Partials partials, MergeCall call) {
  const unsigned head = blockIdx.x;
  const unsigned sequence = blockIdx.y;
  const std::size_t row = std::size_t{sequence} * call.heads + head;
  const std::uint32_t context = call.context_tokens[sequence];
  const TokenSpan span = attended_span(context, call.window_tokens);
  const bool too_long = context > call.context_tokens_max;
  const std::uint32_t splits = too_long ? 0 : (span.end - span.begin + split_tokens - 1) / split_tokens;
  const float* values = partials.values + row * partials.splits * call.dim;
  const float* largest_of = partials.largest + row * partials.splits;
  const float* weight_of = partials.weight + row * partials.splits;

  float largest = call.sinks != nullptr ? call.sinks[head] : -INFINITY;
#pragma unroll 8
  for (std::uint32_t s = 0; s < splits; ++s) largest = fmaxf(largest, largest_of[s]);
  for (unsigned i = threadIdx.x; i < call.dim; i += block_threads) {
    MergedColumn column{0, call.sinks != nullptr ? expf(call.sinks[head] - largest) : 0};
    const Splits of_head{values + i, largest_of, weight_of};
    std::uint32_t s = 0;
    for (; s + batch <= splits; s += batch) add_splits<true>(column, of_head, s, splits, call.dim, largest);
    if (s < splits) add_splits<false>(column, of_head, s, splits, call.dim, largest);
    const float attended = context == 0 ? 0 : column.sum / column.weight;
    store_one(call.output, row * call.dim + i, call.output_format, too_long ? NAN : attended);
  }
}

}  // namespace

Partials cut_workspace(void* workspace, std::uint32_t sequences, std::uint32_t heads, std::uint32_t splits,
                       std::uint32_t dim) noexcept {
  const std::size_t rows = std::size_t{sequences} * heads * splits;
  auto* const values = static_cast<float*>(workspace);
  return {values, values + rows * dim, values + rows * dim + rows, splits};
}

cudaError_t merge_partials(const Partials& partials, const MergeCall& call, cudaStream_t stream) noexcept {
  const LaunchShape shape{
      .grid = dim3(call.heads, call.sequences), .block = dim3(block_threads), .stream = stream};
  return launch(merge_kernel, shape, partials, call);
}

}  // namespace prophet::kernels::cuda
