#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "predictor/use_estimator.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/cache/forecast_policy.hpp"
#include "runtime/engine/batch_schedule.hpp"
#include "runtime/engine/layer_requests.hpp"

namespace prophet {

/// Which experts a cache holds that copies them on demand and prefetches nothing: the engine's rules, without
/// a device. Prefill passes bypass it, as they do in the engine by default. One thread.
class ResidentExperts {
 public:
  /// Throws as ExpertCache does.
  ResidentExperts(ExpertGrid grid, CacheSize size, std::unique_ptr<EvictionPolicy> policy);

  /// The policy, which must be the one given, follows these estimates, as StepLoop::follow() has it.
  void follow(UseEstimator& estimator, ForecastPolicy& policy) noexcept {
    estimator_ = &estimator;
    forecast_policy_ = &policy;
  }
  /// A layer of a pass, whose requests have been gathered, runs.
  void run(LayerId layer, StepKind kind, std::span<const StepToken> tokens, const LayerRequests& requests);

  [[nodiscard]] bool holds(ExpertIndex expert) const noexcept { return cache_.find(expert).has_value(); }
  [[nodiscard]] const ExpertGrid& grid() const noexcept { return cache_.grid(); }

 private:
  void estimate_uses(LayerId layer, StepKind kind, std::span<const StepToken> tokens,
                     const LayerRequests& requests);

  ExpertCache cache_;
  UseEstimator* estimator_ = nullptr;  ///< with forecast_policy_, or neither
  ForecastPolicy* forecast_policy_ = nullptr;
  std::vector<ExpertIndex> deferred_;
  std::uint64_t passes_ = 0;
};

}  // namespace prophet
