#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/predictor_mlp.hpp"

namespace prophet::kernels::cuda {

/// Bytes of workspace that predictor_logits needs, aligned to 16 bytes: the hidden units, [lanes, hidden]
/// fp32.
[[nodiscard]] constexpr std::uint64_t predictor_workspace_bytes(const PredictorWeights& weights,
                                                                const PredictorInput& input) noexcept {
  return std::uint64_t{4} * input.lanes * weights.hidden;
}

/// kernels::predictor_logits on the device: see kernels/predictor_mlp.hpp for shapes and the order of the
/// sums, in which the results are the reference's bit for bit but for gelu. logits [lanes,
/// predictor_row_values(experts)]. All memory is device memory, read and written in stream order; nothing is
/// allocated.
///
/// One launch sums the named rows of w1 (an embedding bag), a thread 8 columns; if there is a hidden layer a
/// second multiplies by w2, a warp one logit. Bytes: lanes * (recent_layers + 1) * top_k rows of w1, w2 once
/// from memory and from L2 for each further lane; operations: 2 * lanes * experts * hidden. With 8 lanes, 128
/// experts and 512 hidden units in 16 bits that is 131 kB of w2 and, after 3 layers of a top-8
/// router, 262 kB of w1: below 1 us of an A100's
/// bandwidth: the launches are the bound.
///
/// cudaErrorInvalidValue for what can_predict() denies, a null or misaligned output or a workspace too small;
/// no lanes: nothing is launched.
[[nodiscard]] cudaError_t predictor_logits(const PredictorWeights& weights, const PredictorInput& input,
                                           float* logits, void* workspace, std::uint64_t workspace_bytes,
                                           cudaStream_t stream) noexcept;

/// Which experts are forecast and not resident, for the host to fetch.
struct PredictMissing {
  const float* logits = nullptr;  ///< [lanes, predictor_row_values(table.experts)]
  std::uint32_t lanes = 0;
  SlabTable table;  ///< of the target layer; slab_of [experts], experts and slabs are read
  LaneUnion lane_union = LaneUnion::any;
  std::uint32_t top_m = 0;             ///< at most experts
  PredictedExpert* missing = nullptr;  ///< [top_m]; mapped host memory or device memory, as count
  std::uint32_t* count = nullptr;      ///< [1]
};

/// kernels::predict_missing on the device, bit for bit, in one launch of one block: union over lanes, top-m
/// and residency test. `count` is written last, behind a system-wide fence: a host that sees it change sees
/// the list.
///
/// Bytes: 4 * lanes * experts and what it writes, at most 8 * top_m + 4 over the link. Comparisons: experts
/// ^ 2. Bound by the launch. cudaErrorInvalidValue for null pointers, no experts or more than
/// predictor_experts_max, lanes beyond predictor_lanes_max or a top_m above experts. No lanes: all values are
/// 0.
[[nodiscard]] cudaError_t predict_missing(const PredictMissing& call, cudaStream_t stream) noexcept;

}  // namespace prophet::kernels::cuda
