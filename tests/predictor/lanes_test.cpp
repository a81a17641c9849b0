#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/predictor/predictor_samples.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{6, 16};

const std::vector<SequenceId> training{SequenceId{0}, SequenceId{1}, SequenceId{2}};

class Lanes : public ::testing::TestWithParam<std::string_view> {
 protected:
  const std::uint64_t seed = announced_seed();
  Random random{seed};
  const RoutingTrace trace = random_trace(random, grid, 2, {50, 50, 50, 9, 9, 9});
  [[nodiscard]] std::uint64_t row(std::size_t sequence, std::uint64_t token) const {
    return trace.sequences()[sequence].first_token + token;
  }
};

TEST_P(Lanes, AreCombinedAsIndependent) {
  SCOPED_TRACE(seed);
  const auto together = predictor_of(GetParam(), trace, training, 3);
  std::vector<std::unique_ptr<Predictor>> alone;
  for (std::uint32_t lane = 0; lane < 3; ++lane) {
    alone.push_back(predictor_of(GetParam(), trace, training));
    together->start_lane(LaneId{lane});
    alone[lane]->start_lane(LaneId{0});
    // One token, and of the next the layers before the target: what is repeated there has not been seen yet.
    for (Predictor* each : {together.get(), alone[lane].get()}) {
      const LaneId as{each == together.get() ? lane : 0};
      show(*each, as, trace, row(3 + lane, 0), 0, 5);
      show(*each, as, trace, row(3 + lane, 1), 0, 2);
    }
  }
  for (const std::uint32_t target : {3U, 4U, 5U}) {
    std::vector<float> expected(grid.experts, 1.0F);
    for (const auto& one : alone) {
      const auto said = ask(*one, grid, 2, target);
      for (std::size_t e = 0; e < said.size(); ++e) expected[e] *= 1 - said[e];
    }
    for (float& p : expected) p = 1 - p;
    EXPECT_THAT(ask(*together, grid, 2, target), ::testing::Pointwise(::testing::FloatNear(1e-5F), expected));
  }
}

TEST_P(Lanes, ForgetTheirSequenceWhenTheyStartAnother) {
  SCOPED_TRACE(seed);
  const auto used = predictor_of(GetParam(), trace, training, 2);
  const auto fresh = predictor_of(GetParam(), trace, training, 2);
  used->start_lane(LaneId{1});
  show(*used, LaneId{1}, trace, row(3, 0), 0, 3);
  for (Predictor* each : {used.get(), fresh.get()}) each->start_lane(LaneId{1});
  EXPECT_EQ(ask(*used, grid, 3, 4), ask(*fresh, grid, 3, 4));
  for (Predictor* each : {used.get(), fresh.get()}) show(*each, LaneId{1}, trace, row(4, 0), 0, 3);
  for (std::uint32_t target = 0; target < grid.layers; ++target) {
    EXPECT_EQ(ask(*used, grid, 3, target), ask(*fresh, grid, 3, target)) << "target " << target;
  }
}

TEST_P(Lanes, DoNotMixTheirSequences) {
  SCOPED_TRACE(seed);
  const auto two = predictor_of(GetParam(), trace, training, 2);
  const auto one = predictor_of(GetParam(), trace, training, 2);
  for (Predictor* each : {two.get(), one.get()}) {
    each->start_lane(LaneId{0});
    show(*each, LaneId{0}, trace, row(3, 0), 0, 5);
  }
  show(*two, LaneId{1}, trace, row(4, 0), 0, 5);
  two->start_lane(LaneId{1});
  one->start_lane(LaneId{1});
  for (std::uint32_t target = 0; target < grid.layers; ++target) {
    EXPECT_EQ(ask(*two, grid, 5, target), ask(*one, grid, 5, target)) << "target " << target;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Lanes,
                         ::testing::Values("static", "previous-token", "transition", "history", "mlp"),
                         [](const auto& name) {
                           return std::string(name.param == "previous-token" ? "previous_token" : name.param);
                         });

}  // namespace
}  // namespace prophet::testing
