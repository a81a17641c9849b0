#include "runtime/engine/replay_row.hpp"

#include <algorithm>
#include <tuple>

namespace prophet {

bool ReplayCase::runs_as(const ReplayCase& other) const {
  const auto cell = [](const ReplayCase& of) {
    return std::tie(of.policy, of.predictor, of.miss, of.batch, of.slabs, of.staging_slabs);
  };
  const auto prefetches = [](const ReplayCase& of) {
    return std::tie(of.lookahead_layers, of.coverage, of.prefetch);
  };
  return cell(*this) == cell(other) && (predictor == "none" || prefetches(*this) == prefetches(other));
}

ReplayCase on_demand_lru_like(const ReplayCase& like) {
  ReplayCase what;
  what.batch = like.batch;
  what.slabs = like.slabs;
  what.staging_slabs = like.staging_slabs;
  return what;
}

ReplayCase static_with_host_like(const ReplayCase& like) {
  ReplayCase what = on_demand_lru_like(like);
  what.policy = "static";
  what.miss = MissMode::host;
  return what;
}

PrefetchOptions prefetch_options(const ReplayCase& what, std::uint32_t top_k) {
  PrefetchOptions options;
  options.lookahead_layers = what.lookahead_layers;
  options.rule = what.prefetch;
  options.width = what.coverage != 0 ? what.coverage : top_k * what.batch;
  if (what.coverage != 0) options.probability_min = 0;  // so many are named, however little they promise
  options.ranked_experts = std::max(2 * top_k * what.batch, options.width);
  return options;
}

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
