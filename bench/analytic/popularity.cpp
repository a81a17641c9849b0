#include "bench/analytic/popularity.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace prophet::analytic {
namespace {

/// Halvings of an interval: more than a double resolves.
constexpr int bisections = 60;

/// Where an increasing function of x >= 0 reaches `target`. REQUIRES: it does, at some x.
template <typename Function>
double solve_increasing(double target, Function function) {
  double high = 1;
  for (int doubling = 0; doubling < bisections && function(high) < target; ++doubling) high *= 2;
  double low = 0;
  for (int step = 0; step < bisections && high - low > 1e-12 * high; ++step) {
    const double middle = (low + high) / 2;
    (function(middle) < target ? low : high) = middle;
  }
  return high;
}

/// [experts], adding up to top_k.
std::vector<double> token_demand(std::uint32_t experts, std::uint32_t top_k, double zipf) {
  if (zipf == 0 || top_k == experts)
    return std::vector<double>(experts, static_cast<double>(top_k) / experts);
  std::vector<double> weights(experts);
  for (std::uint32_t rank = 0; rank < experts; ++rank) weights[rank] = std::pow(rank + 1.0, -zipf);
  const auto wanted = [&](double theta) {
    return std::accumulate(weights.begin(), weights.end(), 0.0,
                           [&](double sum, double weight) { return sum - std::expm1(-theta * weight); });
  };
  const double theta = solve_increasing(top_k, wanted);
  for (double& weight : weights) weight = -std::expm1(-theta * weight);
  return weights;
}

}  // namespace

std::vector<double> step_demand(std::uint32_t experts, std::uint32_t top_k, double batch, double zipf) {
  std::vector<double> demand = token_demand(experts, top_k, zipf);
  for (double& share : demand) share = 1 - std::pow(1 - share, batch);
  return demand;
}

double expected_unique(const std::vector<double>& demand) {
  return std::accumulate(demand.begin(), demand.end(), 0.0);
}

double che_hit_rate(const std::vector<double>& demand, double slots) {
  if (slots >= static_cast<double>(demand.size())) return 1;
  std::vector<double> rates(demand.size());
  std::transform(demand.begin(), demand.end(), rates.begin(),
                 [](double share) { return -std::log1p(-std::min(share, 1 - 1e-15)); });
  const auto filled = [&](double steps) {
    return std::accumulate(rates.begin(), rates.end(), 0.0,
                           [&](double sum, double rate) { return sum - std::expm1(-rate * steps); });
  };
  const double steps = solve_increasing(slots, filled);
  double hits = 0;
  for (std::size_t i = 0; i < demand.size(); ++i) hits -= demand[i] * std::expm1(-rates[i] * steps);
  return std::min(1.0, hits / expected_unique(demand));
}

double static_hit_rate(const std::vector<double>& demand, double slots) {
  double hits = 0;
  double left = slots;
  for (const double share : demand) {
    hits += share * std::clamp(left, 0.0, 1.0);
    left -= 1;
  }
  return std::min(1.0, hits / expected_unique(demand));
}

}  // namespace prophet::analytic
