#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::IsEmpty;

struct PassToken {
  LaneId lane;
  std::uint64_t row = 0;
};
using Pass = std::vector<PassToken>;

/// Decode steps of several lanes, with prefill passes of one lane's tokens among them.
std::vector<Pass> random_passes(Random& random, std::uint32_t lanes, std::uint64_t rows) {
  std::vector<Pass> passes;
  for (std::uint64_t row = 0; row + 16 < rows;) {
    Pass pass;
    const bool prefill = random.chance(0.2);
    const std::uint64_t tokens = prefill ? 1 + random.below(16) : lanes;
    for (std::uint32_t t = 0; t < tokens; ++t) pass.push_back({LaneId{prefill ? 0 : t}, row++});
    passes.push_back(pass);
  }
  return passes;
}

struct Groups {
  std::vector<std::uint64_t> offsets{0};
  std::vector<ExpertIndex> experts;
  [[nodiscard]] FutureRequests view() const { return {offsets, experts}; }
};

Groups groups_of(const RoutingTrace& trace, const std::vector<Pass>& passes) {
  const ExpertGrid grid = trace.shape().grid;
  Groups groups;
  for (const Pass& pass : passes) {
    for (std::uint32_t l = 0; l < grid.layers; ++l) {
      std::vector<ExpertIndex> wanted;
      for (const PassToken& token : pass) {
        for (const ExpertId e : chosen(trace, token.row, l)) wanted.push_back(grid.index(LayerId{l}, e));
      }
      std::sort(wanted.begin(), wanted.end());
      wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
      groups.experts.insert(groups.experts.end(), wanted.begin(), wanted.end());
      groups.offsets.push_back(groups.experts.size());
    }
  }
  return groups;
}

std::unique_ptr<Predictor> oracle(ExpertGrid grid, std::uint32_t top_k, std::uint32_t lanes,
                                  const FutureRequests& future) {
  PredictorOptions options;
  options.grid = grid;
  options.top_k = top_k;
  options.lanes = lanes;
  options.future = future;
  return make_predictor("oracle", options);
}

/// The zero-staleness control: whoever knows the future recalls all of it, and names nothing else.
TEST(Oracle, NamesExactlyWhatWillBeWantedAtEveryDistance) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const ExpertGrid grid{5, 16};
  const RoutingTrace trace = random_trace(random, grid, 3, {300});
  const std::vector<Pass> passes = random_passes(random, 4, trace.tokens());
  const Groups groups = groups_of(trace, passes);
  const auto predictor = oracle(grid, 3, 4, groups.view());
  EXPECT_THAT(ask(*predictor, grid, 0, 1), IsEmpty());
  std::size_t now = 0;
  for (const Pass& pass : passes) {
    for (std::uint32_t l = 0; l < grid.layers; ++l, ++now) {
      for (const PassToken& token : pass) show(*predictor, token.lane, trace, token.row, l, l);
      for (std::uint32_t distance = 1; distance <= grid.layers; ++distance) {
        const auto said = ask(*predictor, grid, l, (l + distance) % grid.layers);
        if (now + distance >= passes.size() * grid.layers) {
          EXPECT_THAT(said, IsEmpty());
          continue;
        }
        std::vector<float> truth(grid.experts, 0);
        for (std::uint64_t i = groups.offsets[now + distance]; i < groups.offsets[now + distance + 1]; ++i) {
          truth[grid.key(groups.experts[i]).expert.index()] = 1;
        }
        ASSERT_EQ(said, truth) << "group " << now << ", distance " << distance;
      }
    }
  }
}

MATCHER_P2(Refuses, code, words, "") {
  try {
    arg();
  } catch (const Error& error) {
    *result_listener << error.what();
    return error.code() == code && std::string_view(error.what()).find(words) != std::string_view::npos;
  }
  return false;
}

TEST(Oracle, RefusesToGoOnWhenAnotherFutureComes) {
  const std::vector<std::uint64_t> offsets{0, 1, 2};
  const std::vector<ExpertIndex> experts{ExpertIndex{0}, ExpertIndex{6}};
  const ExpertGrid grid{2, 4};
  const auto see = [](Predictor& predictor, std::uint32_t layer, std::uint32_t expert) {
    predictor.observe(LaneId{0}, LayerId{layer}, std::vector{ExpertId{expert}});
  };
  const auto wrong_expert = oracle(grid, 1, 1, {offsets, experts});
  EXPECT_THAT([&] { see(*wrong_expert, 0, 3); },
              Refuses(ErrorCode::check_failed, "lane 0 chose expert 3 of layer 0, which group 0"));
  const auto wrong_layer = oracle(grid, 1, 1, {offsets, experts});
  EXPECT_THAT(
      [&] { see(*wrong_layer, 1, 2); },
      Refuses(ErrorCode::check_failed, "layer 1 runs where group 0 of the requests to come wants layer 0"));
  const auto too_long = oracle(grid, 1, 1, {offsets, experts});
  see(*too_long, 0, 0);
  see(*too_long, 1, 2);
  EXPECT_THAT([&] { see(*too_long, 0, 0); },
              Refuses(ErrorCode::check_failed, "after the last of the 2 groups"));
}

TEST(Oracle, RefusesAFutureThatIsMissingOrDoesNotFit) {
  const std::vector<ExpertIndex> experts{ExpertIndex{0}, ExpertIndex{6}};
  const auto make = [&](ExpertGrid grid, std::vector<std::uint64_t> offsets) {
    return [=] { (void)oracle(grid, 1, 1, {offsets, experts}); };
  };
  EXPECT_THAT(make({2, 4}, {}),
              Refuses(ErrorCode::usage, "the requests to come are needed and were not given"));
  EXPECT_THAT(make({1, 8}, {0, 1, 2}), Refuses(ErrorCode::usage, "1 layer, expected at least 2"));
  EXPECT_THAT(make({2, 4}, {0, 1, 3}),
              Refuses(ErrorCode::usage, "run from 0 to 3, expected to rise from 0 to the 2"));
  EXPECT_THAT(make({2, 4}, {0, 2, 1, 2}), Refuses(ErrorCode::usage, "expected to rise"));
  EXPECT_THAT(make({2, 3}, {0, 1, 2}),
              Refuses(ErrorCode::usage, "expert 6, expected below 6 (2 layers x 3 experts)"));
}

}  // namespace
}  // namespace prophet::testing
