#include "runtime/engine/serve/slab_worth.hpp"

#include <gtest/gtest.h>

namespace prophet::engine_test {
namespace {

constexpr ExpertGrid grid{1, 4};

/// A curve of tokens of which all choose expert 0, every second one 1, and none the others.
RunningCurve curve() {
  RunningCurve curve(grid, 1000);
  for (int token = 0; token < 20'000; ++token) {
    curve.begin_pass(1);
    curve.request(ExpertIndex{0});
    if (token % 2 == 0) curve.request(ExpertIndex{1});
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

/// Decode passes of `batch` requests that miss so many experts and take so long.
SlabWorth ran(std::uint32_t batch, std::uint64_t missed, std::uint64_t ns,
              SlabWorth::Options how = options()) {
  SlabWorth worth(how);
  for (int step = 0; step < 1000; ++step) {
    worth.decoded(batch, missed, ns);
    worth.stepped(0, ns, true);
  }
  return worth;
}

SlabQuestion question(std::uint32_t expert_slabs, std::uint32_t waiting) {
  SlabQuestion question;
  question.expert_slabs = expert_slabs;
  question.kv_slabs = 5;
  question.requests_per_slab = 1;
  question.waiting = waiting;
  return question;
}

TEST(SlabWorth, AnExpertsSlabIsWorthTheCopiesThatItSaves) {
  // Passes of two tokens want expert 0 always and expert 1 in three of four.
  const SlabValues values = ran(2, 1, 1000).values(curve(), question(1, 0));
  // One missed where the curve says 0.75: with the doubt of one on both sides, 2 / 1.75.
  const double correction = 2 / 1.75;
  EXPECT_NEAR(values.expert_gain, correction * 0.75 * 100 / 1000, 0.001);
  EXPECT_NEAR(values.expert_loss, correction * 1.00 * 100 / 1000, 0.001);
}

TEST(SlabWorth, PrefillPassesWantExpertsToo) {
  SlabWorth worth(options());
  for (int step = 0; step < 1000; ++step) {
    worth.prefilled(100, 2000);
    worth.stepped(0, 2000, false);
  }
  const SlabValues values = worth.values(curve(), question(1, 0));
  EXPECT_NEAR(values.expert_gain, 100.0 / 2000, 0.001);
}

TEST(SlabWorth, PagesGainNothingWhileNobodyWaits) {
  EXPECT_EQ(ran(10, 0, 1000).values(curve(), question(2, 0)).kv_gain, 0);
}

TEST(SlabWorth, PagesGainWhatATokenTakesLessInALargerBatch) {
  // Nothing is missed, so that eleven requests take as long as ten: a token a tenth of an eleventh less.
  EXPECT_NEAR(ran(10, 0, 1000).values(curve(), question(2, 3)).kv_gain, 1.0 / 11, 1e-6);
  // All of the pass is copies that each request brings its own of: half of them, as own_share has it, since
  // the curve says that all experts are wanted with ten tokens as with eleven.
  EXPECT_NEAR(ran(10, 10, 1000).values(curve(), question(0, 3)).kv_gain, 1 - 10.0 / 11 * 1.05, 0.001);
}

TEST(SlabWorth, NoMoreRequestsAreCountedOnThanWait) {
  SlabQuestion many = question(2, 2);
  many.requests_per_slab = 100;
  EXPECT_NEAR(ran(10, 0, 1000).values(curve(), many).kv_gain, 2.0 / 12, 1e-6);
}

TEST(SlabWorth, ASlabLessCostsTheRequestsThatItHolds) {
  // Also while nobody waits: nine requests then share what ten did.
  EXPECT_NEAR(ran(10, 0, 1000).values(curve(), question(2, 0)).kv_loss, 1.0 / 9, 1e-6);
}

TEST(SlabWorth, StepsBeyondTheirLimitAreNotMadeLonger) {
  SlabWorth::Options limited = options();
  limited.step_ns_max = 950;
  EXPECT_EQ(ran(10, 0, 1000, limited).values(curve(), question(2, 3)).kv_gain, 0);
}

TEST(SlabWorth, WorkThatIsLostForLackOfPagesCounts) {
  SlabWorth worth(options());
  for (int step = 0; step < 1000; ++step) {
    worth.decoded(8, 0, 1000);
    worth.stepped(100, 1000, true);
  }
  EXPECT_NEAR(worth.values(curve(), question(2, 0)).kv_gain, 0.1 / 5, 0.001);
}

}  // namespace
}  // namespace prophet::engine_test
