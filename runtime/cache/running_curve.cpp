#include "runtime/cache/running_curve.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace prophet {
namespace {

/// Far from overflow; what has come by then has no weight left that a double could tell from 0.
constexpr double weight_max = 1e100;

}  // namespace

RunningCurve::RunningCurve(ExpertGrid grid, double half_life_tokens)
    : growth_exponent_(1 / half_life_tokens), scores_(grid.size(), 0.0), chances_(grid.size(), 0.0) {}

void RunningCurve::begin_pass(std::uint32_t tokens) {
  weight_ *= std::exp2(growth_exponent_ * tokens);
  if (weight_ > weight_max) {
    for (double& score : scores_) score /= weight_;
    tokens_ /= weight_;
    weight_ = 1;
  }
  tokens_ += weight_ * tokens;
}

void RunningCurve::update() {
  if (tokens_ == 0) return;
  for (std::size_t e = 0; e < scores_.size(); ++e) chances_[e] = std::min(1.0, scores_[e] / tokens_);
  std::sort(chances_.begin(), chances_.end(), std::greater<>());
}

double RunningCurve::misses(double tokens, std::uint32_t slabs) const noexcept {
  double wanted = 0;
  for (std::size_t e = slabs; e < chances_.size() && chances_[e] > 0; ++e)
    wanted += 1 - std::pow(1 - chances_[e], tokens);
  return wanted;
}

}  // namespace prophet
