#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "predictor/logistic_fit.hpp"

namespace prophet {

/// Probability 1 / (1 + exp(-(slope * x + bias))) of an outcome, fitted while outcomes come: Newton's method
/// with the curvature of the latest few thousand batches, x taken in units of its own spread, so that neither
/// the scale of x nor how much was seen needs a rate. A value; no allocation.
class RunningLogistic {
 public:
  /// Of a finite x.
  [[nodiscard]] float operator()(float x) const noexcept {
    return logistic(static_cast<float>(slope_ * per_spread_) * x + static_cast<float>(bias_));
  }

  /// What came of one batch: x and came_true (0 or 1) of each outcome.
  void learn(std::span<const float> x, std::span<const std::uint8_t> came_true) noexcept {
    forget();
    note_spread(x);
    double slope_gradient = 0;
    double bias_gradient = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double u = per_spread_ * static_cast<double>(x[i]);
      const double p = static_cast<double>((*this)(x[i]));
      const double weight = p * (1 - p);
      slope_gradient += (p - came_true[i]) * u;
      bias_gradient += p - came_true[i];
      uu_ += weight * u * u;
      ub_ += weight * u;
      bb_ += weight;
    }
    step(slope_gradient, bias_gradient);
  }

 private:
  static constexpr double kept = 1 - 1.0 / 4096;
  static constexpr double ridge = 1;
  static constexpr double step_max = 0.5;
  static constexpr double slope_min = 1e-3;
  static constexpr double slope_max = 1e3;

  void forget() noexcept {
    for (double* const sum : {&uu_, &ub_, &bb_, &squares_, &count_}) *sum *= kept;
  }
  void note_spread(std::span<const float> x) noexcept {
    for (const float one : x) squares_ += static_cast<double>(one) * static_cast<double>(one);
    count_ += static_cast<double>(x.size());
    per_spread_ = squares_ > 0 ? std::sqrt(count_ / squares_) : 1;
  }
  void step(double slope_gradient, double bias_gradient) noexcept {
    const double determinant = (uu_ + ridge) * (bb_ + ridge) - ub_ * ub_;
    const double slope_step = ((bb_ + ridge) * slope_gradient - ub_ * bias_gradient) / determinant;
    const double bias_step = ((uu_ + ridge) * bias_gradient - ub_ * slope_gradient) / determinant;
    // More evidence never speaks against an expert: ranks by x stay ranks by probability.
    slope_ = std::clamp(slope_ - std::clamp(slope_step, -step_max, step_max), slope_min, slope_max);
    bias_ -= std::clamp(bias_step, -step_max, step_max);
  }

  double slope_ = 1;
  double bias_ = 0;
  double per_spread_ = 1;  ///< 1 / root mean square of x
  double squares_ = 0;     ///< of x
  double count_ = 0;       ///< of outcomes
  double uu_ = 0;          ///< curvature, without the ridge
  double ub_ = 0;
  double bb_ = 0;
};

}  // namespace prophet
