#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace prophet {

/// Weighs pieces of evidence, each in log odds, into a probability: 1 / (1 + exp(-(bias + sum of weight *
/// evidence))). Naive Bayes is weights of 1 and a bias of 0. It counts evidence that is not independent as if
/// it were, and is far too sure of itself; fitted weights bring it back to frequencies that are seen, as
/// Platt's scaling (1999) does with one weight for all.
struct LogisticWeights {
  static constexpr std::size_t pieces_max = 4;

  std::array<float, pieces_max> weight{1, 1, 1, 1};
  float bias = 0;
};

[[nodiscard]] inline float logistic(float log_odds) noexcept {
  return 1.0F / (1.0F + std::exp(-log_odds));
}

/// Observed outcomes and the evidence there was for them.
struct LogisticSample {
  std::size_t pieces = 0;                   ///< at most LogisticWeights::pieces_max
  std::span<const float> evidence;          ///< [outcomes, pieces]
  std::span<const std::uint8_t> came_true;  ///< [outcomes], 0 or 1
};

/// The weights of greatest likelihood, held near those of naive Bayes as by a few observations, so that a
/// small or perfectly separable sample gives finite numbers. Newton's method with bounded steps; the same
/// numbers for the same sample.
[[nodiscard]] LogisticWeights fit_logistic(const LogisticSample& sample);

}  // namespace prophet
