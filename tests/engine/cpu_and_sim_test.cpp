// The sim moves no bytes and the cpu no virtual time: what a replay counts is the same on both.
#include <gtest/gtest.h>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

constexpr ScenarioOptions sizes{
    .layers = 3, .experts = 10, .top_k = 3, .sequences = 9, .mean_tokens = 6, .prefill_tokens = 4};

void expect_identical(const Scenario& scenario, const Replay& how) {
  const auto sim = balanced_sim();
  const auto real = cpu();
  const ReplayMetrics a = scenario.replay(*sim, how);
  const ReplayMetrics b = scenario.replay(*real, how);
  SCOPED_TRACE(how.policy + ", slabs " + std::to_string(how.engine.cache.cache_slabs) + " + " +
               std::to_string(how.engine.cache.staging_slabs) + ", lanes " +
               std::to_string(how.schedule.lanes));
  expect_same_requests(a, b);
  expect_conserved(a);
  EXPECT_EQ(a.total.hit_on_time, b.total.hit_on_time);
  EXPECT_EQ(a.total.hit_late, 0U);
  EXPECT_EQ(b.total.hit_late, 0U);
  EXPECT_EQ(a.total.miss, b.total.miss);
  EXPECT_EQ(a.bytes, b.bytes);
  EXPECT_EQ(a.rounds_extra, b.rounds_extra);
  EXPECT_EQ(a.outputs_digest, 0U);
  EXPECT_NE(b.outputs_digest, 0U);
  EXPECT_EQ(a.total.requests, scenario.requests(how.schedule).requests());
}

TEST(CpuAndSim, CountTheSameForEveryPolicy) {
  const Scenario scenario(sizes);
  for (const std::string& policy : policy_names()) {
    Replay how = scenario.middling();
    how.policy = policy;
    expect_identical(scenario, how);
  }
}

TEST(CpuAndSim, CountTheSameForAnySlabsStagingAndBatch) {
  const Scenario scenario(sizes);
  for (const std::uint32_t lanes : {1U, 3U}) {
    for (const CacheSize size :
         {CacheSize{1, 0}, CacheSize{2, 3}, CacheSize{8, 0}, CacheSize{12, 6}, CacheSize{30, 0}}) {
      Replay how = scenario.middling();
      how.engine.cache = size;
      how.schedule = {lanes, 0, 3};
      expect_identical(scenario, how);
    }
  }
}

TEST(CpuAndSim, ServeTheSameRequestsWithPrefetch) {
  const Scenario scenario(sizes);
  for (const std::string& predictor : replayable_predictors()) {
    Replay how = scenario.middling();
    how.predictor = predictor;
    how.schedule.lanes = 2;
    const auto sim = balanced_sim();
    const auto real = cpu();
    const ReplayMetrics a = scenario.replay(*sim, how);
    const ReplayMetrics b = scenario.replay(*real, how);
    SCOPED_TRACE(predictor);
    expect_same_requests(a, b);
    expect_conserved(a);
    expect_conserved(b);
    EXPECT_EQ(a.prefetches_issued > 0, predictor != "none");
    EXPECT_EQ(b.prefetches_issued > 0, predictor != "none");
  }
}

}  // namespace
}  // namespace prophet::engine_test
