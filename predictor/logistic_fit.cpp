#include "predictor/logistic_fit.hpp"

#include <algorithm>

namespace prophet {
namespace {

constexpr double ridge = 1.0;
constexpr int iterations_max = 30;
constexpr double step_max = 1.0;
constexpr double settled = 1e-5;

/// One row for each piece of evidence, and the last for the bias.
constexpr std::size_t unknowns_max = LogisticWeights::pieces_max + 1;
using Vector = std::array<double, unknowns_max>;
using Matrix = std::array<Vector, unknowns_max>;

/// Of the negative log likelihood plus the ridge.
struct Derivatives {
  Vector gradient{};
  Matrix curvature{};
};

Derivatives derivatives(const LogisticSample& sample, const Vector& at) {
  const std::size_t pieces = sample.pieces;
  Derivatives d;
  for (std::size_t i = 0; i <= pieces; ++i) {
    d.gradient[i] = ridge * (at[i] - (i < pieces ? 1.0 : 0.0));
    d.curvature[i][i] = ridge;
  }
  Vector x{};
  x[pieces] = 1;
  for (std::size_t n = 0; n < sample.came_true.size(); ++n) {
    double log_odds = at[pieces];
    for (std::size_t i = 0; i < pieces; ++i) {
      x[i] = sample.evidence[n * pieces + i];
      log_odds += at[i] * x[i];
    }
    const double p = 1 / (1 + std::exp(-log_odds));
    for (std::size_t i = 0; i <= pieces; ++i) {
      d.gradient[i] += (p - sample.came_true[n]) * x[i];
      for (std::size_t j = 0; j <= i; ++j) d.curvature[i][j] += p * (1 - p) * x[i] * x[j];
    }
  }
  return d;
}

/// Solves curvature * step = gradient by Cholesky's decomposition: the ridge makes the matrix positive
/// definite. Only its lower triangle is read.
Vector solve(Derivatives d, std::size_t unknowns) {
  Matrix& m = d.curvature;
  Vector& step = d.gradient;
  for (std::size_t i = 0; i < unknowns; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      for (std::size_t k = 0; k < j; ++k) m[i][j] -= m[i][k] * m[j][k];
      m[i][j] = i == j ? std::sqrt(m[i][i]) : m[i][j] / m[j][j];
    }
    for (std::size_t k = 0; k < i; ++k) step[i] -= m[i][k] * step[k];
    step[i] /= m[i][i];
  }
  for (std::size_t i = unknowns; i-- > 0;) {
    for (std::size_t k = i + 1; k < unknowns; ++k) step[i] -= m[k][i] * step[k];
    step[i] /= m[i][i];
  }
  return step;
}

}  // namespace

LogisticWeights fit_logistic(const LogisticSample& sample) {
  const std::size_t unknowns = sample.pieces + 1;
  Vector at{};
  std::fill_n(at.begin(), sample.pieces, 1.0);
  for (int iteration = 0; iteration < iterations_max; ++iteration) {
    const Vector step = solve(derivatives(sample, at), unknowns);
    double largest = 0;
    for (std::size_t i = 0; i < unknowns; ++i) largest = std::max(largest, std::abs(step[i]));
    // Far from the optimum a whole Newton step overshoots.
    const double shrink = largest > step_max ? step_max / largest : 1.0;
    for (std::size_t i = 0; i < unknowns; ++i) at[i] -= shrink * step[i];
    if (largest < settled) break;
  }
  LogisticWeights weights;
  for (std::size_t i = 0; i < sample.pieces; ++i) weights.weight[i] = static_cast<float>(at[i]);
  weights.bias = static_cast<float>(at[sample.pieces]);
  return weights;
}

}  // namespace prophet
