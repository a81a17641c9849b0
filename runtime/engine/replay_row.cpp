#include "runtime/engine/replay_row.hpp"

#include <algorithm>

namespace prophet {

std::uint64_t least_with_host_ns(const ClairvoyantBound& bound, const MissCosts& costs) noexcept {
  const auto misses = static_cast<double>(bound.misses);
  const double moved_ns = misses / (1 / costs.link_ns + 1 / costs.host_ns);
  // T >= compute - T / host_ns * spared
  const double spared_ns = std::max(costs.resident_ns, costs.resident_all_ns);
  const double computed_ns = static_cast<double>(bound.compute_ns) / (1 + spared_ns / costs.host_ns);
  return static_cast<std::uint64_t>(std::max(moved_ns, computed_ns));
}

std::vector<ExpertIndex> most_wanted(std::span<const std::uint64_t> popularity, std::uint32_t slabs) {
  std::vector<ExpertIndex> experts(popularity.size());
  for (std::uint32_t e = 0; e < experts.size(); ++e) experts[e] = ExpertIndex{e};
  std::stable_sort(experts.begin(), experts.end(), [&](ExpertIndex a, ExpertIndex b) {
    return popularity[a.index()] > popularity[b.index()];
  });
  experts.resize(std::min<std::size_t>(experts.size(), slabs));
  std::sort(experts.begin(), experts.end());
  return experts;
}

}  // namespace prophet
