#include "runtime/engine/live/token_scores.hpp"

#include <algorithm>
#include <cmath>

namespace prophet {

TokenDistribution::TokenDistribution(std::span<const float> logits) noexcept : logits_(logits) {
  const auto largest = std::max_element(logits.begin(), logits.end());
  most_probable_ = static_cast<std::uint32_t>(largest - logits.begin());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - *largest);
  log_sum_ = *largest + std::log(sum);
}

bool TokenDistribution::finite() const noexcept {
  // -inf leaves the sum finite, so that the sum alone does not tell.
  return std::all_of(logits_.begin(), logits_.end(), [](float logit) { return std::isfinite(logit); });
}

double TokenDistribution::kl_divergence(const TokenDistribution& other) const noexcept {
  double sum = 0;
  for (std::uint32_t token = 0; token < logits_.size(); ++token) {
    const double log_p = log_probability(token);
    sum += std::exp(log_p) * (log_p - other.log_probability(token));
  }
  return sum;
}

}  // namespace prophet
