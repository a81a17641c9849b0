#include "runtime/cache/make_policy.hpp"

#include <gtest/gtest.h>

#include <array>

#include "prophet/error.hpp"
#include "runtime/cache/arc.hpp"
#include "runtime/cache/layer_set.hpp"
#include "runtime/cache/lfu.hpp"

namespace prophet {
namespace {

PolicyOptions options_of(std::uint32_t cache_slabs) {
  PolicyOptions options;
  options.grid = {2, 4};
  options.cache_slabs = cache_slabs;
  return options;
}

std::string refusal(std::string_view name, const PolicyOptions& options) {
  try {
    (void)make_policy(name, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "accepted";
}

TEST(MakePolicy, MakesEveryPolicyUnderItsName) {
  RequestGroups future;
  future.grid = {2, 4};
  const std::array<std::uint64_t, 8> popularity{};
  PolicyOptions options = options_of(2);
  options.future = &future;
  options.popularity = popularity;
  for (const std::string& name : policy_names()) EXPECT_EQ(make_policy(name, options)->name(), name);
}

TEST(MakePolicy, RefusesInOneSentence) {
  EXPECT_EQ(refusal("mru", options_of(2)),
            "policy mru is unknown; known are lru, lfu, slru, arc, least-stale, static, forecast, one-step, "
            "belady");
  EXPECT_EQ(refusal("lru", options_of(0)), "policy lru: 0 cache slabs, at least 1 is needed");
  EXPECT_EQ(refusal("static", options_of(2)),
            "policy static: popularity of 0 experts was given, that of all 8 is needed");
  EXPECT_EQ(refusal("belady", options_of(2)),
            "policy belady: the requests to come are needed and were not given");
  PolicyOptions options = options_of(2);
  options.lfu_half_life_steps = -1;
  EXPECT_EQ(refusal("lfu", options), "policy lfu: a half-life of -1 steps is not a positive number");
  RequestGroups future;
  future.grid = {3, 4};
  options.future = &future;
  EXPECT_EQ(refusal("belady", options),
            "policy belady: the requests to come are of 3 x 4 experts, the cache is of 2 x 4");
}

TEST(LayerSet, FindsTheLayerWhoseTurnIsFarthest) {
  LayerSet layers(200);
  EXPECT_EQ(layers.farthest_turn(LayerId{7}), std::nullopt);
  for (const std::uint32_t l : {3U, 63U, 64U, 130U}) layers.set(LayerId{l}, true);
  EXPECT_EQ(layers.farthest_turn(LayerId{64}), LayerId{64}) << "its own next turn is a cycle away";
  EXPECT_EQ(layers.farthest_turn(LayerId{63}), LayerId{63});
  EXPECT_EQ(layers.farthest_turn(LayerId{62}), LayerId{3});
  EXPECT_EQ(layers.farthest_turn(LayerId{199}), LayerId{130});
  EXPECT_EQ(layers.farthest_turn(LayerId{2}), LayerId{130}) << "none before it: the last of the cycle";
  layers.set(LayerId{130}, false);
  EXPECT_EQ(layers.farthest_turn(LayerId{2}), LayerId{64});
}

TEST(Lfu, AUseCountsHalfAfterItsHalfLife) {
  LfuPolicy policy({1, 3}, 10.0);
  const auto use = [&policy](std::uint32_t expert, std::uint64_t step) {
    policy.begin_layer(LayerId{0}, step);
    if (policy.contains(ExpertIndex{expert})) {
      policy.lease(ExpertIndex{expert});
    } else {
      policy.miss(ExpertIndex{expert});
    }
    policy.release(ExpertIndex{expert});
  };
  for (int i = 0; i < 3; ++i) use(0, 0);  // 3 uses at step 0 are worth 1.5 at step 10
  use(1, 10);                             // worth 1
  use(2, 10);
  use(2, 10);  // worth 2
  EXPECT_EQ(policy.evict(), ExpertIndex{1});
  EXPECT_EQ(policy.evict(), ExpertIndex{0});
  EXPECT_EQ(policy.evict(), ExpertIndex{2});
}

TEST(Lfu, ScoresStayOrderedAfterBillionsOfSteps) {
  LfuPolicy policy({1, 2}, 0.5);
  for (const std::uint64_t step : {std::uint64_t{0}, std::uint64_t{4'000'000'000}}) {
    policy.begin_layer(LayerId{0}, step);
    for (const std::uint32_t e : {0U, 1U}) {
      policy.miss(ExpertIndex{e});
      policy.release(ExpertIndex{e});
    }
    policy.lease(ExpertIndex{1});
    policy.release(ExpertIndex{1});
    EXPECT_EQ(policy.evict(), ExpertIndex{0});
    EXPECT_EQ(policy.evict(), ExpertIndex{1});
  }
}

TEST(Arc, GhostHitsMoveTheTarget) {
  ArcPolicy policy({1, 8}, 2);
  const auto miss = [&policy](std::uint32_t expert) {
    policy.miss(ExpertIndex{expert});
    if (policy.size() == 2) (void)policy.evict();
    policy.release(ExpertIndex{expert});
  };
  miss(0);
  miss(1);
  policy.lease(ExpertIndex{1});
  policy.release(ExpertIndex{1});  // T1 = 0, T2 = 1
  miss(2);                         // 0 leaves T1 for B1
  EXPECT_EQ(policy.t1_target(), 0U);
  miss(0);
  EXPECT_EQ(policy.t1_target(), 1U) << "B1 remembered 0";
}

}  // namespace
}  // namespace prophet
