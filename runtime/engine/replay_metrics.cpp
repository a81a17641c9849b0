#include "runtime/engine/replay_metrics.hpp"

#include <algorithm>
#include <cmath>

namespace prophet {

LayerCounts& LayerCounts::operator+=(const LayerCounts& more) noexcept {
  requests += more.requests;
  hit_on_time += more.hit_on_time;
  hit_late += more.hit_late;
  miss += more.miss;
  host += more.host;
  in_place += more.in_place;
  return *this;
}

LayerCounts& LayerCounts::operator-=(const LayerCounts& less) noexcept {
  requests -= less.requests;
  hit_on_time -= less.hit_on_time;
  hit_late -= less.hit_late;
  miss -= less.miss;
  host -= less.host;
  in_place -= less.in_place;
  return *this;
}

PassTotals& PassTotals::operator+=(const PassTotals& more) noexcept {
  requests += more.requests;
  bytes += more.bytes;
  compute_ns += more.compute_ns;
  stall_ns += more.stall_ns;
  return *this;
}

PassTotals& PassTotals::operator-=(const PassTotals& less) noexcept {
  requests -= less.requests;
  bytes -= less.bytes;
  compute_ns -= less.compute_ns;
  stall_ns -= less.stall_ns;
  return *this;
}

PassTotals ReplayMetrics::decode() const noexcept {
  PassTotals totals{total, bytes, compute_ns, stall_ns};
  return totals -= prefill;
}

std::uint64_t quantile_ns(std::vector<std::uint64_t> values, double q) {
  if (values.empty()) return 0;
  const auto last = static_cast<double>(values.size() - 1);
  const auto rank = static_cast<std::size_t>(std::lround(q * last));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(rank), values.end());
  return values[rank];
}

}  // namespace prophet
