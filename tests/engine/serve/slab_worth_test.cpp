#include "runtime/engine/serve/slab_worth.hpp"

#include <gtest/gtest.h>

namespace prophet::engine_test {
namespace {

constexpr ExpertGrid grid{1, 4};

/// A curve of passes that want expert 0 always, 1 every second time, and the others never.
RunningCurve curve() {
  RunningCurve curve(grid, 1000);
  for (int pass = 0; pass < 2000; ++pass) {
    curve.begin_pass();
    curve.request(ExpertIndex{0});
    if (pass % 2 == 0) curve.request(ExpertIndex{1});
  }
  curve.update();
  return curve;
}

SlabWorth::Options options() {
  SlabWorth::Options options;
  options.copy_ns = 100;
  options.span_slabs = 1;
  return options;
}

/// Steps of `batch` requests with 100 tokens each that take 1,000 ns, and 10 more a request.
void run(SlabWorth& worth, bool waits, int steps = 1000) {
  for (int step = 0; step < steps; ++step) {
    const std::uint32_t batch = step % 2 == 0 ? 8 : 12;
    worth.decoded(batch, batch * 100, 1000 + 10 * batch);
    worth.stepped(waits, 0, 1000 + 10 * batch, true);
  }
}

TEST(SlabWorth, AnExpertsSlabIsWorthTheCopiesThatItSaves) {
  SlabWorth worth(options());
  run(worth, false);
  // A pass takes 1,100 ns on average; the second expert is wanted by half of them, and a copy takes 100.
  const SlabValues values = worth.values(curve(), 1, 1, 100);
  EXPECT_NEAR(values.expert_gain, 0.5 * 100 / 1100, 0.001);
  EXPECT_NEAR(values.expert_loss, 1.0 * 100 / 1100, 0.002);
}

TEST(SlabWorth, PagesAreWorthNothingWhileNobodyWaits) {
  SlabWorth worth(options());
  run(worth, false);
  EXPECT_EQ(worth.values(curve(), 1, 1, 100).kv_gain, 0);
}

TEST(SlabWorth, PagesAreWorthTheStepsThatMoreRequestsShare) {
  SlabWorth worth(options());
  run(worth, true);
  // One request more for a slab of 100 tokens: 1 / 10 of the batch, while the step of 1,100 ns grows by 10:
  // by 35, since a variance of 4 is less than the doubt of 5 that draws it towards half of the mean, 55.
  EXPECT_NEAR(worth.values(curve(), 1, 1, 100).kv_gain, 0.1 - 35.0 / 1100, 0.003);
}

TEST(SlabWorth, StepsBeyondTheirLimitAreNotMadeLonger) {
  SlabWorth::Options limited = options();
  limited.step_ns_max = 1050;
  SlabWorth worth(limited);
  run(worth, true);
  EXPECT_EQ(worth.values(curve(), 1, 1, 100).kv_gain, 0);
}

TEST(SlabWorth, WorkThatIsLostForLackOfPagesCounts) {
  SlabWorth worth(options());
  for (int step = 0; step < 1000; ++step) {
    worth.decoded(8, 800, 1000);
    worth.stepped(false, 100, 1000, true);
  }
  EXPECT_NEAR(worth.values(curve(), 1, 5, 100).kv_loss, 0.1 / 5, 0.001);
}

}  // namespace
}  // namespace prophet::engine_test
