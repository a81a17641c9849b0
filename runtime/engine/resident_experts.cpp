#include "runtime/engine/resident_experts.hpp"

#include <utility>

namespace prophet {

ResidentExperts::ResidentExperts(ExpertGrid grid, CacheSize size, std::unique_ptr<EvictionPolicy> policy)
    : cache_(grid, size, std::move(policy)) {
  deferred_.reserve(grid.experts);
}

void ResidentExperts::run(LayerId layer, StepKind kind, std::span<const StepToken> tokens,
                          const LayerRequests& requests) {
  if (layer.value == 0) ++passes_;
  cache_.begin_layer(layer, passes_);
  estimate_uses(layer, kind, tokens, requests);
  std::span<const ExpertIndex> wanted = requests.wanted();
  while (!wanted.empty()) {
    LayerLease lease = cache_.acquire(wanted, kind == StepKind::prefill);
    for (const Acquired& miss : lease.misses()) (void)cache_.complete(miss.ticket);
    deferred_.assign(lease.deferred().begin(), lease.deferred().end());
    wanted = deferred_;
    (void)lease.release();
  }
  (void)cache_.end_layer(layer);
}

void ResidentExperts::estimate_uses(LayerId layer, StepKind kind, std::span<const StepToken> tokens,
                                    const LayerRequests& requests) {
  if (estimator_ == nullptr) return;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    if (layer.value == 0 && tokens[t].starts_sequence) estimator_->start_lane(tokens[t].lane);
    estimator_->observe(tokens[t].lane, layer, requests.chosen(t));
  }
  if (kind == StepKind::prefill) {
    estimator_->pass_over();
  } else {
    forecast_policy_->revise(layer, estimator_->estimate(layer));
  }
}

}  // namespace prophet
