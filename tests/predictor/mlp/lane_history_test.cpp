#include "predictor/mlp/lane_history.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{4, 9};
constexpr std::uint32_t top_k = 3;
constexpr std::uint32_t width = 12;

/// Every choice of one lane since it started, and group lists read off it in the plainest way.
class PlainHistory {
 public:
  void forget() { chosen_.assign(grid.layers, {}); }
  void add(std::uint32_t layer, const std::vector<ExpertId>& experts) { chosen_[layer].push_back(experts); }

  [[nodiscard]] std::vector<std::uint32_t> read(const InputGroup& group, std::uint32_t target,
                                                std::uint32_t lookahead) const {
    // Layers and tokens as one line: the forecast is for place `at` of it.
    const auto next = static_cast<std::int64_t>(chosen_[target].size());
    const std::int64_t at = next * grid.layers + target;
    std::int64_t from = at - group.distance;
    if (group.kind == GroupKind::recent) from -= lookahead;
    if (group.kind == GroupKind::early) from = next * grid.layers + group.distance;
    std::vector<std::uint32_t> ids;
    if (from >= 0 && (group.kind != GroupKind::early || from <= at - lookahead)) {
      const auto& experts = chosen_[static_cast<std::size_t>(from % grid.layers)];
      const auto token = static_cast<std::size_t>(from / grid.layers);
      for (std::uint32_t r = 0; r < group.ranks; ++r) ids.push_back(experts[token][r].value);
    }
    ids.resize(width, grid.experts);
    return ids;
  }

  /// The share of tokens that used each expert, decayed, in parts of 1 / grain.
  [[nodiscard]] std::vector<double> popular(const InputGroup& group, std::uint32_t target) const {
    std::vector<double> share(grid.experts, 0.0);
    for (const auto& experts : chosen_[target]) {
      for (double& one : share) one *= double{group.keep};
      for (const ExpertId e : experts) share[e.index()] += 1 - double{group.keep};
    }
    for (double& one : share) one *= group.grain;
    return share;
  }

 private:
  std::vector<std::vector<std::vector<ExpertId>>> chosen_{grid.layers};
};

/// Each as often as its share says, which fp32 may round to the other side; those that are used most, where
/// the list has not room for all.
void expect_popular(const std::vector<std::uint32_t>& ids, const std::vector<double>& share) {
  constexpr double rounding = 1e-3;
  const auto named = std::count_if(ids.begin(), ids.end(), [](std::uint32_t e) { return e < grid.experts; });
  for (std::uint32_t e = 0; e < grid.experts; ++e) {
    const auto times = std::count(ids.begin(), ids.end(), e);
    EXPECT_LE(times, static_cast<int>(share[e] + 0.8 + rounding)) << "expert " << e;
    if (named < static_cast<int>(width)) {
      EXPECT_GE(times, static_cast<int>(share[e] + 0.8 - rounding)) << "expert " << e;
    }
  }
}

const std::vector<InputGroup> groups{
    {GroupKind::recent, 0, 3},           {GroupKind::recent, 5, 1}, {GroupKind::early, 1, 2},
    {GroupKind::before, 4, 3},           {GroupKind::before, 9, 2}, {GroupKind::popular, 0, 0, 0.8F, 3},
    {GroupKind::popular, 0, 0, 0.98F, 3}};

TEST(LaneHistory, NamesWhatAPlainOneNames) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  LaneHistory history(grid, top_k, 2, groups);
  std::vector<PlainHistory> plain(2);
  std::vector<std::uint32_t> next_layer(2, 0);
  std::vector<std::uint32_t> ids(width);
  for (int step = 0; step < 3000; ++step) {
    const auto lane = static_cast<std::uint32_t>(random.below(2));
    if (random.chance(0.005)) {
      history.forget(LaneId{lane});
      plain[lane].forget();
      next_layer[lane] = 0;
    }
    std::vector<ExpertId> experts;
    for (const std::uint32_t e : random_choice(random, grid.experts, top_k)) experts.emplace_back(e);
    const std::uint32_t layer = next_layer[lane];
    history.add(LaneId{lane}, LayerId{layer}, experts);
    plain[lane].add(layer, experts);
    next_layer[lane] = (layer + 1) % grid.layers;
    for (std::uint32_t ahead = 1; ahead <= 3; ++ahead) {
      const std::uint32_t target = (layer + ahead) % grid.layers;
      for (const InputGroup& group : groups) {
        history.write(LaneId{lane}, group, LayerId{target}, ahead, ids);
        if (group.kind == GroupKind::popular) {
          expect_popular(ids, plain[lane].popular(group, target));
        } else {
          EXPECT_EQ(ids, plain[lane].read(group, target, ahead));
        }
      }
    }
    if (HasFailure()) FAIL() << "step " << step;
  }
}

// A pass of several tokens of one lane goes layer by layer: what it leaves behind is as if they had come
// alone.
TEST(LaneHistory, DoesNotMindTheOrderOfAPass) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  LaneHistory by_token(grid, top_k, 1, groups);
  LaneHistory by_layer(grid, top_k, 1, groups);
  const RoutingTrace trace = random_trace(random, grid, top_k, {7});
  for (std::uint32_t i = 0; i < 7 * grid.layers; ++i) {
    const std::uint32_t layer = i % grid.layers;
    by_token.add(LaneId{0}, LayerId{layer}, chosen(trace, i / grid.layers, layer));
    by_layer.add(LaneId{0}, LayerId{i / 7}, chosen(trace, i % 7, i / 7));
  }
  std::vector<std::uint32_t> one(width);
  std::vector<std::uint32_t> other(width);
  for (const InputGroup& group : groups) {
    by_token.write(LaneId{0}, group, LayerId{1}, 2, one);
    by_layer.write(LaneId{0}, group, LayerId{1}, 2, other);
    EXPECT_EQ(one, other);
  }
}

// What a router said of a hidden state is of one token: it is told to the forecast that is made from that
// state, and to no later one.
TEST(LaneHistory, TellsARoutersChoicesOfThisTokenAndOfNoOther) {
  const std::vector<InputGroup> routers{{GroupKind::ahead, 0, 4}, {GroupKind::ahead, 0, 1}};
  LaneHistory history(grid, top_k, 2, routers, 2);
  const std::vector<ExpertId> any{ExpertId{0}, ExpertId{1}, ExpertId{2}};
  const std::vector<std::uint16_t> said{7, 3, 5, 1};
  std::vector<std::uint32_t> ids(width);
  const auto told = [&](std::uint32_t lane, std::uint32_t target, std::uint32_t ahead,
                        std::size_t group = 0) {
    history.write(LaneId{lane}, routers[group], LayerId{target}, ahead, ids);
    return std::vector<std::uint32_t>(ids.begin(), std::find(ids.begin(), ids.end(), grid.experts));
  };
  using Ids = std::vector<std::uint32_t>;
  history.add(LaneId{0}, LayerId{0}, any);
  history.add_ahead(LaneId{0}, LayerId{0}, 1, said);
  history.add_ahead(LaneId{0}, LayerId{0}, 3, said);  // beyond what is heard
  EXPECT_EQ(told(0, 1, 1), (Ids{7, 3, 5, 1}));
  EXPECT_EQ(told(0, 1, 1, 1), Ids{7}) << "its first choice";
  EXPECT_EQ(told(0, 2, 2), Ids{}) << "another router";
  EXPECT_EQ(told(0, 3, 3), Ids{});
  EXPECT_EQ(told(1, 1, 1), Ids{}) << "another lane";
  history.add(LaneId{0}, LayerId{1}, any);
  EXPECT_EQ(told(0, 1, 1), Ids{}) << "the target has chosen";
  for (std::uint32_t layer = 2; layer < grid.layers; ++layer) history.add(LaneId{0}, LayerId{layer}, any);
  history.add(LaneId{0}, LayerId{0}, any);
  EXPECT_EQ(told(0, 1, 1), Ids{}) << "it was said of the token before";
  history.add_ahead(LaneId{0}, LayerId{0}, 1, said);
  EXPECT_EQ(told(0, 1, 1).size(), 4U);
  history.forget(LaneId{0});
  history.add(LaneId{0}, LayerId{0}, any);
  history.add(LaneId{0}, LayerId{0}, any);
  EXPECT_EQ(told(0, 1, 1), Ids{}) << "another sequence";
}

TEST(LaneHistory, KeepsItsNumbersFiniteOverALongSequence) {
  LaneHistory history(grid, top_k, 1, groups);
  std::vector<std::uint32_t> ids(width);
  for (std::uint32_t token = 0; token < 5000; ++token) {
    const std::vector<ExpertId> experts{ExpertId{token < 2500 ? 0U : 7U}, ExpertId{1}, ExpertId{2}};
    history.add(LaneId{0}, LayerId{0}, experts);
  }
  history.write(LaneId{0}, groups[5], LayerId{0}, 1, ids);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 7U), 3) << "all of the last tokens chose it";
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 0U), 0) << "none of the last thousand did";
}

}  // namespace
}  // namespace prophet::testing
