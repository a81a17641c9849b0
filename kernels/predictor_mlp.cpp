#include "kernels/predictor_mlp.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/float_rows.hpp"
#include "kernels/kv_pages.hpp"
#include "kernels/predictor_value.hpp"

// A loop stands once, as a function that is always inlined, and is compiled for any CPU and for one that
// fuses by itself: the product that is asked for is exact in both.
#if defined(__x86_64__)
#define PROPHET_WITH_FMA __attribute__((target("avx2,fma")))
#else
#define PROPHET_WITH_FMA
#endif
#define PROPHET_INLINE __attribute__((always_inline)) inline

namespace prophet::kernels {
namespace {

constexpr std::size_t parts = 32;
constexpr std::size_t part_columns = 8;

bool fuses() {
#if defined(__x86_64__)
  static const bool does = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  return does;
#else
  return false;
#endif
}

float activate(float x, PredictorActivation activation) {
  if (activation == PredictorActivation::relu) return x > 0 ? x : 0.0F;
  return 0.5F * x * (1.0F + std::erf(x * 0.70710678F));
}

void add_row(const PredictorWeights& weights, std::size_t row, std::span<float> sums) {
  std::array<float, predictor_hidden_max> values;
  load_row(weights.w1, row * sums.size(), weights.format, sums.size(), values.data());
  add_scaled(sums.data(), values.data(), 1.0F, sums.size());
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

/// hidden . row, in the order that the header gives. Rounds of 32 parts go over the columns; of one round the
/// parts are apart, so that a CPU has several sums under way.
PROPHET_INLINE float dot_loop(const float* row, const float* hidden, std::size_t columns) {
  std::array<float, parts> part{};
  for (std::size_t round = 0; round < columns; round += parts * part_columns) {
    const std::size_t count = std::min(parts, (columns - round) / part_columns);
    for (std::size_t c = 0; c < part_columns; ++c) {
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = round + i * part_columns + c;
        part[i] = __builtin_fmaf(row[at], hidden[at], part[i]);
      }
    }
  }
  for (std::size_t step = parts / 2; step != 0; step /= 2) {
    for (std::size_t i = 0; i < step; ++i) part[i] += part[i + step];
  }
  return part[0];
}
float dot_anywhere(const float* row, const float* hidden, std::size_t columns) {
  return dot_loop(row, hidden, columns);
}
PROPHET_WITH_FMA float dot_fused(const float* row, const float* hidden, std::size_t columns) {
  return dot_loop(row, hidden, columns);
}

float dot_row(const PredictorWeights& weights, std::size_t row, std::span<const float> hidden) {
  std::array<float, predictor_hidden_max> values;
  load_row(weights.w2, row * hidden.size(), weights.format, hidden.size(), values.data());
  return fuses() ? dot_fused(values.data(), hidden.data(), hidden.size())
                 : dot_anywhere(values.data(), hidden.data(), hidden.size());
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
