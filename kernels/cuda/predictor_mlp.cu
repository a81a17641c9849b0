#include "kernels/cuda/predictor_mlp.hpp"

#include "kernels/cuda/kv_float.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/kv_pages.hpp"
#include "kernels/predictor_value.hpp"

namespace prophet::kernels::cuda {
namespace {

constexpr unsigned bag_threads = 128;
/// That a multiprocessor shall hold at once: where no number is given, the compiler saves registers by having
/// loads wait for each other.
constexpr unsigned bag_blocks = 4;
constexpr unsigned rows_ahead = 8;
constexpr unsigned logit_threads = 256;
constexpr unsigned logit_warps = logit_threads / 32;
constexpr unsigned choice_threads = predictor_experts_max;
constexpr unsigned all_lanes_of_warp = 0xFFFFFFFFU;

__device__ __forceinline__ float activate(float x, PredictorActivation activation) {
  if (activation == PredictorActivation::relu) return x > 0 ? x : 0.0F;
  return 0.5F * x * (1.0F + erff(x * 0.70710678F));
}

/// Adds pack `pack` of the rows that `ids` [top_k] name, beginning with row first_row. What the next few add
/// is asked for before the first of them is added; their order is that of `ids`.
template <FloatFormat format>
__device__ __forceinline__ void add_rows(float (&sums)[packed_values], const PredictorWeights& weights,
                                         const std::uint32_t* ids, std::uint32_t top_k, std::size_t first_row,
                                         unsigned pack, unsigned row_packs) {
#pragma unroll 1
  for (std::uint32_t first = 0; first < top_k; first += rows_ahead) {
    std::uint32_t expert[rows_ahead];
    float row[rows_ahead][packed_values];
#pragma unroll
    for (unsigned r = 0; r < rows_ahead; ++r)
      expert[r] = first + r < top_k ? ids[first + r] : weights.experts;
#pragma unroll
    for (unsigned r = 0; r < rows_ahead; ++r)
      if (expert[r] < weights.experts)
        load_packed<format>(weights.w1, (first_row + expert[r]) * row_packs + pack, row[r]);
#pragma unroll
    for (unsigned r = 0; r < rows_ahead; ++r) {
      if (expert[r] >= weights.experts) continue;
#pragma unroll
      for (int i = 0; i < packed_values; ++i) sums[i] += row[r][i];
    }
  }
}

/// Grid (packs of columns, lanes): sums [lanes, row_packs * 8] = b1 + the input's rows of w1, activated if
/// there is a hidden layer.
template <FloatFormat format>
__global__ void __launch_bounds__(bag_threads, bag_blocks)
    bag_kernel(PredictorWeights weights, PredictorInput input, float* sums_of, unsigned row_packs) {
  const unsigned pack = blockIdx.x * bag_threads + threadIdx.x;
  const unsigned lane = blockIdx.y;
  if (pack >= row_packs) return;
  float sums[packed_values];
  load_packed<FloatFormat::fp32>(weights.b1, pack, sums);
  for (std::uint32_t layer = 0; layer < weights.recent_layers; ++layer) {
    const std::uint32_t* ids = input.recent + (std::size_t{layer} * input.lanes + lane) * input.top_k;
    add_rows<format>(sums, weights, ids, input.top_k, std::size_t{layer} * weights.experts, pack, row_packs);
  }
  add_rows<format>(sums, weights, input.previous + std::size_t{lane} * input.top_k, input.top_k,
                   std::size_t{weights.recent_layers} * weights.experts, pack, row_packs);
  if (weights.hidden != 0) {
#pragma unroll
    for (float& sum : sums) sum = activate(sum, weights.activation);
  }
  auto* place = reinterpret_cast<float4*>(sums_of) + (std::size_t{lane} * row_packs + pack) * 2;
  place[0] = make_float4(sums[0], sums[1], sums[2], sums[3]);
  place[1] = make_float4(sums[4], sums[5], sums[6], sums[7]);
}

/// Grid (groups of experts, lanes): a warp has a logit.
template <FloatFormat format>
__global__ void __launch_bounds__(logit_threads)
    logit_kernel(PredictorWeights weights, const float* hidden, float* logits, unsigned logit_row_values) {
  const unsigned expert = blockIdx.x * logit_warps + threadIdx.x / 32;
  const unsigned lane = blockIdx.y;
  if (expert >= weights.experts) return;
  const unsigned row_packs = weights.hidden / packed_values;
  float dot = 0;
#pragma unroll 2
  for (unsigned pack = threadIdx.x % 32; pack < row_packs; pack += 32) {
    float row[packed_values];
    float units[packed_values];
    load_packed<format>(weights.w2, std::size_t{expert} * row_packs + pack, row);
    load_packed<FloatFormat::fp32>(hidden, std::size_t{lane} * row_packs + pack, units);
#pragma unroll
    for (int i = 0; i < packed_values; ++i) dot = fmaf(row[i], units[i], dot);
  }
#pragma unroll
  for (unsigned step = 16; step != 0; step /= 2) dot += __shfl_xor_sync(all_lanes_of_warp, dot, step);
  if (threadIdx.x % 32 != 0) return;
  logits[std::size_t{lane} * logit_row_values + expert] = dot + weights.b2[expert];
}

__device__ __forceinline__ float union_of_lanes(const PredictMissing& call, std::size_t row_values,
                                                unsigned expert) {
  PredictedValue value;
  for (std::uint32_t lane = 0; lane < call.lanes; ++lane) value.add(call.logits[lane * row_values + expert]);
  return value.of(call.lane_union);
}

/// How many experts stand before this one.
__device__ __forceinline__ unsigned rank_of(const float* values, unsigned experts, unsigned expert) {
  unsigned rank = 0;
  for (unsigned other = 0; other < experts; ++other) {
    rank += is_before(values[other], other, values[expert], expert) ? 1 : 0;
  }
  return rank;
}

/// One block, a thread an expert and later a rank.
__global__ void __launch_bounds__(choice_threads)
    missing_kernel(PredictMissing call, unsigned logit_row_values) {
  __shared__ float values[predictor_experts_max];
  __shared__ unsigned chosen[predictor_experts_max];
  __shared__ unsigned char absent[predictor_experts_max];
  const unsigned own = threadIdx.x;
  if (own < call.table.experts) values[own] = union_of_lanes(call, logit_row_values, own);
  __syncthreads();
  if (own < call.table.experts) {
    const unsigned rank = rank_of(values, call.table.experts, own);
    chosen[rank] = own;
    absent[rank] = call.table.slab_of[own] >= call.table.slabs ? 1 : 0;
  }
  __syncthreads();
  unsigned before = 0;
  const unsigned end = min(own, call.top_m);
  for (unsigned rank = 0; rank < end; ++rank) before += absent[rank];
  if (own < call.top_m && absent[own] != 0) call.missing[before] = {chosen[own], values[chosen[own]]};
  __syncthreads();
  // Before the last thread stand all ranks but its own. Its fence covers what the barrier has shown to it.
  if (own == choice_threads - 1) {
    __threadfence_system();
    *static_cast<volatile std::uint32_t*>(call.count) = before + (own < call.top_m ? absent[own] : 0);
  }
}

template <FloatFormat format>
cudaError_t launch_logits(const PredictorWeights& weights, const PredictorInput& input, float* logits,
                          float* hidden, cudaStream_t stream) {
  const bool linear = weights.hidden == 0;
  const unsigned row_packs = predictor_row_values(linear ? weights.experts : weights.hidden) / packed_values;
  const LaunchShape bag{.grid = dim3((row_packs + bag_threads - 1) / bag_threads, input.lanes),
                        .block = dim3(bag_threads),
                        .stream = stream};
  const cudaError_t status =
      launch(bag_kernel<format>, bag, weights, input, linear ? logits : hidden, row_packs);
  if (linear || status != cudaSuccess) return status;
  const LaunchShape rows{.grid = dim3((weights.experts + logit_warps - 1) / logit_warps, input.lanes),
                         .block = dim3(logit_threads),
                         .stream = stream};
  return launch(logit_kernel<format>, rows, weights, hidden, logits, predictor_row_values(weights.experts));
}

}  // namespace

cudaError_t predictor_logits(const PredictorWeights& weights, const PredictorInput& input, float* logits,
                             void* workspace, std::uint64_t workspace_bytes, cudaStream_t stream) noexcept {
  if (!can_predict(weights, input)) return cudaErrorInvalidValue;
  if (input.lanes == 0) return cudaSuccess;
  const std::uint64_t needed_bytes = predictor_workspace_bytes(weights, input);
  if (logits == nullptr || !is_aligned_16(logits) || workspace_bytes < needed_bytes)
    return cudaErrorInvalidValue;
  if (needed_bytes != 0 && (workspace == nullptr || !is_aligned_16(workspace))) return cudaErrorInvalidValue;
  auto* const hidden = static_cast<float*>(workspace);
  switch (weights.format) {
    case FloatFormat::fp32:
      return launch_logits<FloatFormat::fp32>(weights, input, logits, hidden, stream);
    case FloatFormat::fp16:
      return launch_logits<FloatFormat::fp16>(weights, input, logits, hidden, stream);
    case FloatFormat::bf16:
      return launch_logits<FloatFormat::bf16>(weights, input, logits, hidden, stream);
  }
  return cudaErrorInvalidValue;
}

cudaError_t predict_missing(const PredictMissing& call, cudaStream_t stream) noexcept {
  if (call.table.experts == 0 || call.table.experts > predictor_experts_max ||
      call.top_m > call.table.experts) {
    return cudaErrorInvalidValue;
  }
  if (call.lanes > predictor_lanes_max || (call.lanes != 0 && call.logits == nullptr))
    return cudaErrorInvalidValue;
  if (call.table.slab_of == nullptr || call.count == nullptr) return cudaErrorInvalidValue;
  if (call.top_m != 0 && call.missing == nullptr) return cudaErrorInvalidValue;
  const LaunchShape shape{.grid = dim3(1), .block = dim3(choice_threads), .stream = stream};
  return launch(missing_kernel, shape, call, predictor_row_values(call.table.experts));
}

}  // namespace prophet::kernels::cuda
