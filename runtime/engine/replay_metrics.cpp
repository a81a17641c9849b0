#include "runtime/engine/replay_metrics.hpp"

#include <algorithm>
#include <cmath>

namespace prophet {

ForecastCounts& ForecastCounts::operator+=(const ForecastCounts& more) noexcept {
  wanted += more.wanted;
  recalled_at_k += more.recalled_at_k;
  recalled_at_2k += more.recalled_at_2k;
  absent_named += more.absent_named;
  absent_named_wanted += more.absent_named_wanted;
  return *this;
}

std::uint64_t quantile_ns(std::vector<std::uint64_t> values, double q) {
  if (values.empty()) return 0;
  const auto last = static_cast<double>(values.size() - 1);
  const auto rank = static_cast<std::size_t>(std::lround(q * last));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rank), values.end());
  return values[rank];
}

}  // namespace prophet
