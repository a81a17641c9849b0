#pragma once

#include <cstdint>
#include <span>

namespace prophet {

/// What a row of logits says about the next token. A view: the logits must outlive it. Logarithms are
/// natural; sums are in fp64, in ascending order of the tokens.
class TokenDistribution {
 public:
  /// REQUIRES: at least one logit. finite() tells whether all of them are.
  explicit TokenDistribution(std::span<const float> logits) noexcept;

  [[nodiscard]] bool finite() const noexcept;
  /// The softmax's. REQUIRES: `token` is below the number of logits.
  [[nodiscard]] double log_probability(std::uint32_t token) const noexcept {
    return static_cast<double>(logits_[token]) - log_sum_;
  }
  /// Of several as probable, the one with the lowest id.
  [[nodiscard]] std::uint32_t most_probable() const noexcept { return most_probable_; }
  /// Sum over all tokens of p (log p - log q), p being this distribution and q the other: 0 for equal logits,
  /// else above 0 but for rounding. REQUIRES: as many logits.
  [[nodiscard]] double kl_divergence(const TokenDistribution& other) const noexcept;

 private:
  std::span<const float> logits_;
  double log_sum_ = 0;  ///< log of the sum of e^logit
  std::uint32_t most_probable_ = 0;
};

}  // namespace prophet
