#include "bench/analytic/expert_demand.hpp"

#include <algorithm>
#include <cmath>

namespace prophet::analytic {

double unique_power_law(std::uint32_t experts, std::uint32_t top_k, double batch, double exponent) {
  return std::min<double>(experts, top_k * std::pow(batch, exponent));
}

double unique_uniform(std::uint32_t experts, std::uint32_t top_k, double batch) {
  const double missed = 1.0 - static_cast<double>(top_k) / experts;
  return experts * (1.0 - std::pow(missed, batch));
}

Sharing sharing(std::uint32_t experts, std::uint32_t top_k, double batch, double unique) {
  return {1.0 - unique / experts, experts / unique, top_k * batch / unique};
}

double saturation_batch(std::uint32_t experts, std::uint32_t top_k, double exponent) {
  return std::pow(static_cast<double>(experts) / top_k, 1.0 / exponent);
}

}  // namespace prophet::analytic
