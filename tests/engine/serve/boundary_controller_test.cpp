#include "runtime/engine/serve/boundary_controller.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "runtime/engine/serve/peak_demand.hpp"

namespace prophet::engine_test {
namespace {

ControllerOptions options() {
  ControllerOptions options;
  options.expert_slabs_min = 10;
  options.kv_slabs_min = 2;
  options.moves_per_step_max = 4;
  options.window_steps = 8;
  options.agreeing_windows = 2;
  options.rest_steps = 16;
  return options;
}

/// A hundred slabs, of which `kv` are the KV cache's.
BoundaryView view(std::uint32_t kv) {
  BoundaryView view;
  view.kv_slabs = kv;
  view.expert_slabs = 100 - kv;
  return view;
}

/// Carries out what the controller says until it has nothing to say for a hundred steps; returns where the
/// boundary then stands.
template <class Values>
std::uint32_t settle(BoundaryController& controller, std::uint32_t kv, Values&& values) {
  for (std::uint32_t quiet = 0; quiet < 100; ++quiet) {
    BoundaryView now = view(kv);
    values(now);
    const std::int32_t slabs = controller.decide(now);
    EXPECT_LE(std::abs(slabs), 4);
    kv = static_cast<std::uint32_t>(static_cast<std::int32_t>(kv) + slabs);
    if (slabs != 0) quiet = 0;
  }
  return kv;
}

TEST(BoundaryController, SettlesWhereASlabIsWorthAsMuchOnBothSides) {
  // Worth falls on each side with what it has: equal at 40 slabs of KV.
  const auto values = [](BoundaryView& now) {
    now.kv_gain = now.kv_loss = 0.4 / now.kv_slabs;
    now.expert_gain = now.expert_loss = 0.6 / now.expert_slabs;
    now.kv_free_slabs = now.kv_slabs;
  };
  for (const std::uint32_t begin : {5U, 90U}) {
    BoundaryController controller(options());
    const std::uint32_t kv = settle(controller, begin, values);
    // Within the hysteresis of a quarter, and it does not swing about it.
    EXPECT_GE(kv, 34U);
    EXPECT_LE(kv, 46U);
    EXPECT_EQ(controller.turns(), 0U);
  }
}

TEST(BoundaryController, NeverLeavesASideWithLessThanItsMinimum) {
  BoundaryController to_kv(options());
  EXPECT_EQ(settle(to_kv, 50, [](BoundaryView& now) { now.kv_gain = now.kv_loss = 1; }), 90U);
  BoundaryController to_experts(options());
  EXPECT_EQ(settle(to_experts, 50,
                   [](BoundaryView& now) {
                     now.expert_gain = now.expert_loss = 1;
                     now.kv_free_slabs = now.kv_idle_slabs = now.kv_slabs;
                   }),
            2U);
}

TEST(BoundaryController, TakesBackWhatNobodyHasHeldOfLateWhateverItIsWorth) {
  BoundaryController controller(options());
  EXPECT_EQ(settle(controller, 50,
                   [](BoundaryView& now) {
                     now.kv_loss = 1;
                     now.kv_free_slabs = now.kv_slabs - 5;
                     now.kv_idle_slabs = now.kv_slabs - std::min(now.kv_slabs, 30U);
                   }),
            30U);
}

TEST(BoundaryController, TakesBackWhatIsFreeWhereTheExpertsAreWorthMore) {
  BoundaryController controller(options());
  EXPECT_EQ(settle(controller, 50,
                   [](BoundaryView& now) {
                     now.expert_gain = now.expert_loss = 1;
                     now.kv_loss = 0.7;
                     now.kv_free_slabs = now.kv_slabs - std::min(now.kv_slabs, 5U);
                   }),
            5U);
}

TEST(BoundaryController, OneWindowThatSaysOtherwiseMovesNothing) {
  BoundaryController controller(options());
  std::uint32_t window = 0;
  std::uint32_t steps = 0;
  EXPECT_EQ(settle(controller, 50,
                   [&](BoundaryView& now) {
                     if (steps++ % 8 == 0) ++window;
                     // Each window contradicts the one before.
                     (window % 2 == 0 ? now.kv_gain : now.expert_gain) = 1;
                     now.kv_free_slabs = now.kv_slabs;
                   }),
            50U);
}

TEST(BoundaryController, ALongPromptIsMovedForWithinTheStatedSteps) {
  for (const std::uint32_t lacks : {1U, 3U, 4U, 5U, 29U, 40U}) {
    BoundaryController controller(options());
    std::uint32_t kv = 20;
    std::uint32_t steps = 0;
    for (; kv < 20 + lacks; ++steps) {
      BoundaryView now = view(kv);
      now.head_slabs = 20 + lacks;
      // Whatever the experts are worth.
      now.expert_gain = now.expert_loss = 100;
      const std::int32_t slabs = controller.decide(now);
      ASSERT_GT(slabs, 0);
      kv += static_cast<std::uint32_t>(slabs);
    }
    EXPECT_EQ(kv, 20 + lacks);
    EXPECT_EQ(steps, BoundaryController::steps_until_moved(20 + lacks, 20, options())) << lacks;
  }
}

TEST(BoundaryController, TakesNothingBackForAWhileAfterItHasLent) {
  BoundaryController controller(options());
  std::uint32_t steps = 0;
  for (; steps < 100; ++steps) {
    BoundaryView now = view(50);
    now.expert_gain = now.expert_loss = 1;
    now.kv_free_slabs = 20;
    if (steps == 40) controller.lent();
    const std::int32_t slabs = controller.decide(now);
    // Two windows of eight steps agree first.
    EXPECT_EQ(slabs < 0, steps >= 15 && (steps < 40 || steps >= 55)) << steps;
    EXPECT_GE(slabs, -4);
  }
  EXPECT_EQ(controller.turns(), 2U);
}

TEST(BoundaryController, AShortPromptWaitsForTheComparison) {
  BoundaryController controller(options());
  BoundaryView now = view(20);
  now.head_slabs = 20;
  EXPECT_EQ(controller.decide(now), 0);
}

TEST(PeakDemand, IsForgottenByHalves) {
  PeakDemand demand(0.5);
  demand.note(100);
  EXPECT_EQ(demand.pages(), 100U);
  demand.note(20);
  EXPECT_EQ(demand.pages(), 60U);
  demand.note(70);
  EXPECT_EQ(demand.pages(), 70U);
}

}  // namespace
}  // namespace prophet::engine_test
