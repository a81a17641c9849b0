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

std::vector<ReplayCase> baseline_cases(const ReplayCase& like, bool with_routers) {
  const ReplayCase placed = baseline(like, "static", "none");
  ReplayCase on_host = placed;
  on_host.miss = MissMode::host;
  ReplayCase named = baseline(like, "lru", "history");
  named.prefetch = PrefetchRule::named;
  std::vector<ReplayCase> all{placed, on_host, named};
  if (with_routers) {
    ReplayCase by_router = baseline(like, "lru", "gate-ahead");
    by_router.prefetch = PrefetchRule::named;
    by_router.lookahead_layers = 1;
    all.push_back(by_router);
  }
  all.push_back(baseline(like, "one-step", "none"));
  all.push_back(baseline(like, "belady", "oracle"));
  return all;
}

}  // namespace prophet
