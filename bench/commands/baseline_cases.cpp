#include "bench/commands/baseline_cases.hpp"

#include <utility>

namespace prophet {
namespace {

ReplayCase baseline(const ReplayCase& like, std::string policy, std::string predictor) {
  ReplayCase what = like;
  what.policy = std::move(policy);
  what.predictor = std::move(predictor);
  what.miss = MissMode::copy;
  what.coverage = 0;
  return what;
}

}  // namespace

std::vector<ReplayCase> baseline_cases(const ReplayCase& like) {
  const ReplayCase placed = baseline(like, "static", "none");
  ReplayCase on_host = placed;
  on_host.miss = MissMode::host;
  ReplayCase named = baseline(like, "lru", "history");
  named.prefetch = PrefetchRule::named;
  return {placed, on_host, named, baseline(like, "one-step", "none"), baseline(like, "belady", "oracle")};
}

}  // namespace prophet
