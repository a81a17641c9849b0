#include "runtime/cache/lfu.hpp"

#include <cmath>
#include <limits>

namespace prophet {
namespace {

constexpr double never_used = -std::numeric_limits<double>::infinity();
constexpr double goes_first = std::numeric_limits<double>::infinity();

/// log2(2^a + 2^b) for finite a; b may be never_used.
double log2_sum(double a, double b) noexcept {
  const double larger = std::fmax(a, b);
  const double smaller = std::fmin(a, b);
  return larger + std::log2(1.0 + std::exp2(smaller - larger));
}

}  // namespace

LfuPolicy::LfuPolicy(ExpertGrid grid, double half_life_steps)
    : order_(grid.size()), log2_score_(grid.size(), never_used), half_life_steps_(half_life_steps) {}

void LfuPolicy::begin_layer(LayerId, std::uint64_t step) {
  now_ = static_cast<double>(step) / half_life_steps_;
}

void LfuPolicy::lease(ExpertIndex expert) {
  order_.remove(expert);
}

void LfuPolicy::miss(ExpertIndex) {}

void LfuPolicy::release(ExpertIndex expert) {
  double& score = log2_score_[expert.index()];
  score = log2_sum(now_, score);
  order_.push(expert, -score);
}

void LfuPolicy::admit_cold(ExpertIndex expert) {
  order_.push(expert, goes_first);
}

ExpertIndex LfuPolicy::evict() {
  return order_.pop();
}

void LfuPolicy::withdraw(ExpertIndex expert) {
  order_.remove(expert);
}

}  // namespace prophet
