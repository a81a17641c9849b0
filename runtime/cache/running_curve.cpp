#include "runtime/cache/running_curve.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

namespace prophet {
namespace {

/// Far from overflow; what has come by then has no weight left that a double could tell from 0.
constexpr double weight_max = 1e100;

}  // namespace

RunningCurve::RunningCurve(ExpertGrid grid, double half_life_passes)
    : growth_(std::exp2(1 / half_life_passes)),
      scores_(grid.size(), 0.0),
      by_rank_(grid.size(), 0.0),
      hits_(std::size_t{grid.size()} + 1, 0.0) {}

void RunningCurve::begin_pass() {
  weight_ *= growth_;
  if (weight_ > weight_max) {
    for (double& score : scores_) score /= weight_;
    passes_ /= weight_;
    weight_ = 1;
  }
  passes_ += weight_;
}

void RunningCurve::update() {
  if (passes_ == 0) return;
  by_rank_ = scores_;
  std::sort(by_rank_.begin(), by_rank_.end(), std::greater<>());
  for (std::size_t e = 0; e < by_rank_.size(); ++e) hits_[e + 1] = hits_[e] + by_rank_[e] / passes_;
}

double RunningCurve::gain_per_slab(std::uint32_t slabs, std::uint32_t more) const noexcept {
  const std::size_t last = hits_.size() - 1;
  const std::size_t from = std::min<std::size_t>(slabs, last);
  const std::size_t to = std::min<std::size_t>(from + more, last);
  return more == 0 ? 0 : (hits_[to] - hits_[from]) / more;
}

double RunningCurve::loss_per_slab(std::uint32_t slabs, std::uint32_t fewer) const noexcept {
  const std::size_t last = hits_.size() - 1;
  const std::size_t from = std::min<std::size_t>(slabs - std::min(slabs, fewer), last);
  const std::size_t to = std::min<std::size_t>(slabs, last);
  return fewer == 0 ? 0 : (hits_[to] - hits_[from]) / fewer;
}

}  // namespace prophet
