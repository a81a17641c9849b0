#include "bench/analytic/dedup_expectation.hpp"

#include <algorithm>
#include <cmath>

namespace prophet::analytic {

double power_law_unique(std::uint32_t experts, double scale, double exponent, std::uint32_t batch) {
  return std::min<double>(experts, scale * std::pow(batch, exponent));
}

double popularity_unique(std::span<const double> popularity, std::uint32_t batch) {
  double unique = 0;
  for (const double chosen : popularity) unique += 1 - std::pow(1 - chosen, batch);
  return unique;
}

}  // namespace prophet::analytic
