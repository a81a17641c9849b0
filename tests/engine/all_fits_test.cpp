// Where everything fits, Prophet costs nothing: neither copies nor forecasts.
#include <gtest/gtest.h>

#include <numeric>
#include <optional>
#include <string>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/engine/replay_session.hpp"
#include "tests/engine/listening_predictor.hpp"
#include "tests/engine/mlp_scenario.hpp"

namespace prophet::engine_test {
namespace {

double mean_step_ns(const ReplayMetrics& metrics) {
  const std::uint64_t sum = std::accumulate(metrics.step_ns.begin(), metrics.step_ns.end(), std::uint64_t{0});
  return static_cast<double>(sum) / static_cast<double>(metrics.steps);
}

class WhereEverythingFits : public ::testing::Test {
 protected:
  WhereEverythingFits() {
    SessionOptions options;
    options.device = "sim:h100-80gb";
    options.chunk_bytes = 1024;
    options.trained.mlp = learned(scenario);
    session.emplace(scenario.trace(), scenario.split(), scenario.workload(), options, nullptr);
  }
  [[nodiscard]] ReplayCase all() const {
    ReplayCase what;
    what.slabs = scenario.workload().grid.size();
    what.staging_slabs = scenario.workload().top_k;
    return what;
  }
  /// The mean step, over that of the all-resident run; nothing may have been copied or asked.
  double over_all_resident(const ReplayCase& what) {
    const ReplayRow row = session->run(what);
    EXPECT_EQ(row.preloaded, what.slabs);
    EXPECT_EQ(row.metrics.bytes.copied, 0U);
    EXPECT_EQ(row.metrics.total.hit_on_time, row.metrics.total.requests);
    EXPECT_EQ(row.metrics.prefetches_issued, 0U);
    EXPECT_EQ(row.metrics.forecast.wanted, 0U) << "no forecast was made";
    EXPECT_EQ(session->bound(what).misses, 0U) << "the bound has them there too";
    return mean_step_ns(row.metrics) / mean_step_ns(session->all_resident(what.batch).metrics);
  }

  const Scenario scenario{mlp_sizes};
  std::optional<ReplaySession> session;
};

TEST_F(WhereEverythingFits, NoPolicyPredictorOrBatchIsMoreThanOnePercentAboveAllResident) {
  for (const std::string& policy : policy_names()) {
    for (const std::string& predictor : replayable_predictors()) {
      for (const std::uint32_t batch : {1U, 2U, 4U}) {
        ReplayCase what = all();
        what.policy = policy;
        what.predictor = predictor;
        what.batch = batch;
        SCOPED_TRACE(policy + " + " + predictor + ", batch " + std::to_string(batch));
        EXPECT_LE(over_all_resident(what), 1.01);
      }
    }
  }
}

TEST_F(WhereEverythingFits, NoWayOfAMissOrRuleOfPrefetchCostsAnything) {
  for (const MissMode miss : {MissMode::copy, MissMode::host, MissMode::in_place, MissMode::automatic}) {
    for (const PrefetchRule rule : {PrefetchRule::named, PrefetchRule::paying}) {
      ReplayCase what = all();
      what.policy = "forecast";
      what.predictor = "mlp";
      what.lookahead_layers = 3;
      what.miss = miss;
      what.prefetch = rule;
      SCOPED_TRACE(miss_mode_name(miss));
      EXPECT_LE(over_all_resident(what), 1.01);
    }
  }
}

TEST_F(WhereEverythingFits, OnlyWhatLacksAnExpertIsForecast) {
  Replay how = scenario.middling();
  how.engine.cache = {scenario.workload().grid.size() - 1, 0};
  how.policy = "static";
  how.preload = true;
  PredictorOptions options;
  options.grid = scenario.workload().grid;
  options.top_k = scenario.workload().top_k;
  options.lanes = how.schedule.lanes;
  const auto inner = make_predictor("previous-token", options);
  ListeningPredictor listening(*inner);
  how.test_predictor = &listening;
  const auto device = balanced_sim();
  const ReplayMetrics metrics = scenario.replay(*device, how);
  const std::uint64_t layers_run = metrics.steps * options.grid.layers;
  EXPECT_EQ(listening.prepared + metrics.forecast_spared_layers + metrics.prefetch_paused_layers, layers_run);
  EXPECT_GT(listening.prepared, 0U) << "one expert has no slab";
  EXPECT_GT(metrics.forecast_spared_layers, layers_run / 2) << "all other layers have all theirs";
}

}  // namespace
}  // namespace prophet::engine_test
