#pragma once

#include "kernels/exact_exp.hpp"
#include "kernels/predictor_mlp.hpp"

namespace prophet::kernels {

/// 1 / (1 + e^-logit), the same bits on every host and device; 0 for what is not a number.
PROPHET_HOST_DEVICE inline float predictor_chance(float logit) {
  if (logit != logit) return 0;
  const float small = exact_exp(logit < 0 ? logit : -logit);
  return (logit < 0 ? small : 1.0F) / (1.0F + small);
}

/// The union over lanes of one expert's chances. The product is fused by name, so that no compiler chooses.
struct PredictedValue {
  float nobody = 1;
  float sum = 0;

  PROPHET_HOST_DEVICE void add(float logit) {
    const float chance = predictor_chance(logit);
    nobody = fmaf(nobody, -chance, nobody);
    sum += chance;
  }
  [[nodiscard]] PROPHET_HOST_DEVICE float of(LaneUnion lane_union) const {
    return lane_union == LaneUnion::any ? 1.0F - nobody : sum;
  }
};

/// Whether expert `other` stands before `expert` in the order of the forecast.
PROPHET_HOST_DEVICE inline bool is_before(float other_value, std::uint32_t other, float value,
                                          std::uint32_t expert) {
  return other_value > value || (other_value == value && other < expert);
}

}  // namespace prophet::kernels
