// Promise 8: a layer that wants more experts than there are slabs runs in rounds, and says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/cache/make_policy.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

using ::testing::AnyOf;

constexpr ScenarioOptions sizes{.layers = 3, .experts = 16, .top_k = 4, .sequences = 10, .mean_tokens = 8};

/// Each round of a layer takes as many experts as there are slabs in all, or as are asked for.
std::uint64_t rounds_extra(const RequestGroups& requests, std::uint64_t slabs) {
  std::uint64_t extra = 0;
  for (std::size_t g = 0; g < requests.groups(); ++g) extra += (requests.group(g).size() - 1) / slabs;
  return extra;
}

std::uint64_t rounds_extra(const RequestGroups& requests, CacheSize size) {
  return rounds_extra(requests, std::uint64_t{size.cache_slabs} + size.staging_slabs);
}

TEST(Rounds, AreAsManyAsTheSlabsDemandForEveryPolicy) {
  const Scenario scenario(sizes);
  for (const std::string& policy : policy_names()) {
    for (const CacheSize size :
         {CacheSize{1, 0}, CacheSize{1, 2}, CacheSize{3, 0}, CacheSize{5, 2}, CacheSize{12, 0}}) {
      Replay how = scenario.middling();
      how.policy = policy;
      how.engine.cache = size;
      how.schedule.lanes = 3;
      const auto device = balanced_sim();
      const ReplayMetrics metrics = scenario.replay(*device, how);
      const RequestGroups requests = scenario.requests(how.schedule);
      const bool waits = size.staging_slabs != 0 && metrics.rounds_extra != rounds_extra(requests, size);
      if (waits) {  // for staging slabs, rather than take the place of what is worth more
        EXPECT_THAT(policy, AnyOf("static", "belady", "forecast", "one-step"));
        EXPECT_GT(metrics.rounds_extra, rounds_extra(requests, size));
        EXPECT_LE(metrics.rounds_extra, requests.groups() + rounds_extra(requests, size.staging_slabs));
      } else {
        EXPECT_EQ(metrics.rounds_extra, rounds_extra(requests, size))
            << policy << ", slabs " << size.cache_slabs << " + " << size.staging_slabs;
      }
      expect_conserved(metrics);
    }
  }
}

TEST(Rounds, AreNotMoreWithPrefetchInTheWay) {
  const Scenario scenario(sizes);
  for (const CacheSize size : {CacheSize{1, 0}, CacheSize{2, 2}, CacheSize{4, 1}}) {
    HostilePredictor hostile(3);
    Replay how = scenario.middling();
    how.engine.cache = size;
    how.engine.prefetch = {3, 16, 0.0F};
    how.engine.prefetch_useful_min = 0;
    how.schedule.lanes = 3;
    how.test_predictor = &hostile;
    const auto device = balanced_sim();
    const ReplayMetrics metrics = scenario.replay(*device, how);
    EXPECT_EQ(metrics.rounds_extra, rounds_extra(scenario.requests(how.schedule), size));
    expect_conserved(metrics);
  }
}

TEST(Rounds, AreNoneWhereALayerFits) {
  const Scenario scenario(sizes);
  Replay how = scenario.middling();
  const auto device = balanced_sim();
  EXPECT_EQ(scenario.replay(*device, how).rounds_extra, 0U);
}

TEST(Rounds, OfPrefillEndWhetherOrNotItBypasses) {
  ScenarioOptions with_prompts = sizes;
  with_prompts.prefill_tokens = 20;
  const Scenario scenario(with_prompts);
  for (const bool bypass : {false, true}) {
    for (const CacheSize size : {CacheSize{1, 0}, CacheSize{2, 1}, CacheSize{6, 0}}) {
      Replay how = scenario.middling();
      how.engine.cache = size;
      how.engine.bypass_prefill = bypass;
      how.schedule = {2, 0, 8};
      const auto device = balanced_sim();
      const ReplayMetrics metrics = scenario.replay(*device, how);
      EXPECT_GT(metrics.rounds_extra, 0U);
      EXPECT_EQ(metrics.total.requests, scenario.requests(how.schedule).requests());
      expect_conserved(metrics);
    }
  }
}

}  // namespace
}  // namespace prophet::engine_test
