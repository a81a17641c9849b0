#pragma once

#include <cstdint>
#include <span>

#include "kernels/kv_float.hpp"
#include "kernels/resolve.hpp"
#include "kernels/status.hpp"

namespace prophet::kernels {

inline constexpr std::uint32_t predictor_experts_max = 512;
inline constexpr std::uint32_t predictor_hidden_max = 4096;
inline constexpr std::uint32_t predictor_layers_max = 64;
inline constexpr std::uint32_t predictor_top_k_max = 64;
inline constexpr std::uint32_t predictor_lanes_max = 1024;

enum class PredictorActivation : std::uint32_t {
  relu,
  gelu  ///< x / 2 * (1 + erf(x / sqrt 2)); its last bits are the mathematical library's
};

/// Values in a row of a matrix with `columns` columns: rows begin at multiples of 16 bytes.
[[nodiscard]] constexpr std::uint32_t predictor_row_values(std::uint32_t columns) noexcept {
  return (columns + 7) / 8 * 8;
}

/// What was learned for one target layer: linear, or with one hidden layer. The input is a row of ones and
/// zeros: for each of the recent layers the experts that the token has just been routed to, then those that
/// the target layer had for the token before. Row i * experts + e of w1 belongs to expert e of recent layer
/// i, row recent_layers * experts + e to expert e of the token before.
struct PredictorWeights {
  FloatFormat format = FloatFormat::bf16;  ///< of w1 and w2
  std::uint32_t experts = 0;
  std::uint32_t recent_layers = 0;
  std::uint32_t hidden = 0;  ///< a multiple of 8; 0: linear
  PredictorActivation activation = PredictorActivation::relu;
  const void* w1 =
      nullptr;  ///< [(recent_layers + 1) * experts, predictor_row_values(hidden, or experts if linear)]
  const float* b1 = nullptr;  ///< [predictor_row_values(hidden, or experts if linear)]
  const void* w2 = nullptr;   ///< [experts, hidden]; unused if linear
  const float* b2 = nullptr;  ///< [experts]; unused if linear
};

/// Expert ids; one that is not below `experts` stands for none.
struct PredictorInput {
  const std::uint32_t* recent = nullptr;    ///< [recent_layers, lanes, top_k]
  const std::uint32_t* previous = nullptr;  ///< [lanes, top_k]
  std::uint32_t lanes = 0;
  std::uint32_t top_k = 0;
};

/// How the lanes' chances become one value an expert.
enum class LaneUnion : std::uint32_t {
  any,  ///< that at least one lane wants it, the lanes taken as independent: 1 - product of (1 - p)
  sum   ///< how many lanes want it, in the mean
};

struct PredictedExpert {
  std::uint32_t expert = 0;
  float value = 0;
};

/// True for weights and shapes that the predictor takes; all pointers aligned to 16 bytes.
[[nodiscard]] bool can_predict(const PredictorWeights& weights, const PredictorInput& input) noexcept;

/// logits [lanes, predictor_row_values(experts)]; what stands behind `experts` in a row has no meaning. With
/// s = b1 + the rows of w1 that the input names, in its order: logits = s if linear, else activation(s) . w2
/// + b2, where column c is added in part (c / 8) mod 32 in ascending order, fused, and the parts in pairs
/// whose numbers differ by 16, then 8, 4, 2, 1. All in fp32: but for gelu the same bits on host and device.
[[nodiscard]] Status predictor_logits(const PredictorWeights& weights, const PredictorInput& input,
                                      std::span<float> logits) noexcept;

/// The top_m experts by the union over lanes of sigmoid(logit), the largest value first, equal values by the
/// lower id; of these, those that lie in no slab go to `missing`, in the same order. A logit that is not a
/// number counts as a chance of 0. Returns how many; missing has room for top_m.
///
/// logits [lanes, predictor_row_values(table.experts)]; of the table, that of the target layer, slab_of,
/// experts (at most predictor_experts_max) and slabs are read.
[[nodiscard]] std::uint32_t predict_missing(std::span<const float> logits, std::uint32_t lanes,
                                            const SlabTable& table, LaneUnion lane_union, std::uint32_t top_m,
                                            PredictedExpert* missing) noexcept;

}  // namespace prophet::kernels
