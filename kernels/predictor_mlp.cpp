#include "kernels/predictor_mlp.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/kv_pages.hpp"
#include "kernels/predictor_value.hpp"

namespace prophet::kernels {
namespace {

constexpr std::size_t parts = 32;

float activate(float x, PredictorActivation activation) {
  if (activation == PredictorActivation::relu) return x > 0 ? x : 0.0F;
  return 0.5F * x * (1.0F + std::erf(x * 0.70710678F));
}

void add_row(const PredictorWeights& weights, std::size_t row, std::span<float> sums) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    sums[i] += load_as_float(weights.w1, row * sums.size() + i, weights.format);
  }
}

/// sums = b1 + the rows of w1 that a lane's input names.
void add_input(const PredictorWeights& weights, const PredictorInput& input, std::size_t lane,
               std::span<float> sums) {
  std::copy_n(weights.b1, sums.size(), sums.begin());
  for (std::size_t layer = 0; layer <= weights.recent_layers; ++layer) {
    const bool recent = layer < weights.recent_layers;
    const std::uint32_t* ids = recent ? input.recent + (layer * input.lanes + lane) * input.top_k
                                      : input.previous + lane * input.top_k;
    for (std::size_t r = 0; r < input.top_k; ++r) {
      if (ids[r] < weights.experts) add_row(weights, layer * weights.experts + ids[r], sums);
    }
  }
}

/// hidden . row of w2, in the order that the header gives.
float dot_row(const PredictorWeights& weights, std::size_t row, std::span<const float> hidden) {
  std::array<float, parts> part{};
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    float& sum = part[i / 8 % parts];
    sum = std::fmaf(load_as_float(weights.w2, row * hidden.size() + i, weights.format), hidden[i], sum);
  }
  for (std::size_t step = parts / 2; step != 0; step /= 2) {
    for (std::size_t i = 0; i < step; ++i) part[i] += part[i + step];
  }
  return part[0];
}

}  // namespace

bool can_predict(const PredictorWeights& weights, const PredictorInput& input) noexcept {
  if (weights.experts == 0 || weights.experts > predictor_experts_max) return false;
  if (weights.recent_layers > predictor_layers_max) return false;
  if (weights.hidden % 8 != 0 || weights.hidden > predictor_hidden_max) return false;
  if (input.lanes > predictor_lanes_max || input.top_k == 0 || input.top_k > predictor_top_k_max)
    return false;
  if (weights.w1 == nullptr || weights.b1 == nullptr || !is_aligned_16(weights.w1)) return false;
  if (!is_aligned_16(weights.b1)) return false;
  if (weights.hidden != 0 && (weights.w2 == nullptr || weights.b2 == nullptr)) return false;
  if (weights.hidden != 0 && !is_aligned_16(weights.w2)) return false;
  return input.previous != nullptr && (input.recent != nullptr || weights.recent_layers == 0);
}

Status predictor_logits(const PredictorWeights& weights, const PredictorInput& input,
                        std::span<float> logits) noexcept {
  if (!can_predict(weights, input)) return Status::bad_shape;
  const std::size_t row_values = predictor_row_values(weights.experts);
  if (logits.size() != input.lanes * row_values) return Status::bad_shape;
  std::array<float, predictor_hidden_max> hidden;
  for (std::size_t lane = 0; lane < input.lanes; ++lane) {
    const std::span<float> row = logits.subspan(lane * row_values, row_values);
    if (weights.hidden == 0) {
      add_input(weights, input, lane, row);
      continue;
    }
    const std::span<float> units(hidden.data(), weights.hidden);
    add_input(weights, input, lane, units);
    for (float& unit : units) unit = activate(unit, weights.activation);
    for (std::size_t e = 0; e < weights.experts; ++e) row[e] = dot_row(weights, e, units) + weights.b2[e];
  }
  return Status::ok;
}

std::uint32_t predict_missing(std::span<const float> logits, std::uint32_t lanes, const SlabTable& table,
                              LaneUnion lane_union, std::uint32_t top_m, PredictedExpert* missing) noexcept {
  const std::uint32_t experts = table.experts;
  const std::size_t row_values = predictor_row_values(experts);
  std::array<PredictedExpert, predictor_experts_max> order;
  for (std::uint32_t e = 0; e < experts; ++e) {
    PredictedValue value;
    for (std::size_t lane = 0; lane < lanes; ++lane) value.add(logits[lane * row_values + e]);
    order[e] = {e, value.of(lane_union)};
  }
  std::sort(order.begin(), order.begin() + experts, [](const PredictedExpert& a, const PredictedExpert& b) {
    return is_before(a.value, a.expert, b.value, b.expert);
  });
  std::uint32_t count = 0;
  for (std::uint32_t rank = 0; rank < std::min(top_m, experts); ++rank) {
    if (table.slab_of[order[rank].expert] >= table.slabs) missing[count++] = order[rank];
  }
  return count;
}

}  // namespace prophet::kernels
