#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>

#include "predictor/predictor.hpp"
#include "predictor/use_estimator.hpp"
#include "runtime/cache/forecast_policy.hpp"
#include "runtime/cache/make_policy.hpp"

namespace prophet {

/// What a policy that follows estimates is told by: an estimator, and where the policy knows the next turn,
/// an oracle that the estimator asks. Of any other policy nothing, and nothing is learned for it. One thread.
class PolicyEstimates {
 public:
  /// `policy`, made for `lanes`, must outlive it, and so must what `use_model` returns. `use_model` and
  /// `oracle` are called only where they are needed.
  template <std::invocable UseModelOf, std::invocable OracleOf>
  PolicyEstimates(EvictionPolicy& policy, std::uint32_t lanes, const UseModelOf& use_model,
                  const OracleOf& oracle)
      : policy_(dynamic_cast<ForecastPolicy*>(&policy)) {
    if (policy_ == nullptr) return;
    estimator_.emplace(use_model(), lanes);
    if (!policy_knows_next_turn(policy.name())) return;
    next_turn_ = oracle();
    estimator_->ask(*next_turn_);
  }

  /// Lets `cache`, a StepLoop or ResidentExperts that has been given the policy and must not outlive this,
  /// follow them.
  template <class Cache>
  void guide(Cache& cache) {
    if (estimator_) cache.follow(*estimator_, *policy_);
  }

 private:
  ForecastPolicy* policy_;
  std::unique_ptr<Predictor> next_turn_;  ///< of the estimator; else null
  std::optional<UseEstimator> estimator_;
};

}  // namespace prophet
