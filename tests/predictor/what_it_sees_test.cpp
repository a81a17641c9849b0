#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{5, 12};
constexpr std::uint32_t top_k = 3;
const std::vector<std::uint32_t> lengths{40, 30, 20, 25, 25, 30};

/// Sequences 0, 3 and 5 train; 1, 2 and 4 are replayed.
const std::vector<SequenceId> training{SequenceId{0}, SequenceId{3}, SequenceId{5}};

/// Everything that a predictor says while sequences 1 and 2 are replayed in two lanes, up to and including
/// layer `last_layer` of step `last_step`.
std::vector<std::vector<float>> told(std::string_view name, const RoutingTrace& trace,
                                     std::uint32_t last_step, std::uint32_t last_layer) {
  const auto predictor = predictor_of(name, trace, training, 2);
  for (const std::uint32_t lane : {0U, 1U}) predictor->start_lane(LaneId{lane});
  std::vector<std::vector<float>> all;
  for (std::uint32_t step = 0; step <= last_step; ++step) {
    for (std::uint32_t l = 0; l < grid.layers; ++l) {
      for (const std::uint32_t lane : {0U, 1U}) {
        show(*predictor, LaneId{lane}, trace, trace.sequences()[1 + lane].first_token + step, l, l);
      }
      for (std::uint32_t target = 0; target < grid.layers; ++target) {
        all.push_back(ask(*predictor, grid, l, target));
      }
      if (step == last_step && l == last_layer) return all;
    }
  }
  return all;
}

class WhatItSees : public ::testing::TestWithParam<std::string_view> {};

TEST_P(WhatItSees, IsNeitherTheFutureNorASequenceThatDoesNotTrain) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = random_trace(random, grid, top_k, lengths);
  for (int round = 0; round < 10; ++round) {
    const auto last_step = static_cast<std::uint32_t>(random.below(20));
    const auto last_layer = static_cast<std::uint32_t>(random.below(grid.layers));
    const auto is_past = [&](std::size_t sequence, std::uint32_t token, std::uint32_t layer) {
      return sequence != 4 && (token < last_step || (token == last_step && layer <= last_layer));
    };
    const RoutingTrace other =
        trace_of(grid, top_k, lengths, [&](std::size_t sequence, std::uint32_t token, std::uint32_t layer) {
          const bool trains = sequence == 0 || sequence == 3 || sequence == 5;
          if (!trains && !is_past(sequence, token, layer)) return random_choice(random, grid.experts, top_k);
          std::vector<std::uint32_t> same;
          for (const ExpertId e : chosen(trace, trace.sequences()[sequence].first_token + token, layer)) {
            same.push_back(e.value);
          }
          return same;
        });
    ASSERT_NE(trace, other);
    EXPECT_EQ(told(GetParam(), trace, last_step, last_layer), told(GetParam(), other, last_step, last_layer));
  }
}

/// The canary of the test above: what was shown does change what is said.
TEST_P(WhatItSees, IsThePast) {
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = random_trace(random, grid, top_k, lengths);
  const RoutingTrace other = random_trace(random, grid, top_k, lengths);
  EXPECT_NE(told(GetParam(), trace, 10, 2), told(GetParam(), other, 10, 2));
}

INSTANTIATE_TEST_SUITE_P(Of, WhatItSees,
                         ::testing::Values("static", "previous-token", "transition", "history", "mlp"),
                         [](const auto& name) {
                           return std::string(name.param == "previous-token" ? "previous_token" : name.param);
                         });

}  // namespace
}  // namespace prophet::testing
