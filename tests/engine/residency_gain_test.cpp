#include "runtime/engine/residency_gain.hpp"

#include <gtest/gtest.h>

namespace prophet::engine_test {
namespace {

constexpr ExpertIndex newcomer{3};
constexpr ExpertIndex replaced{5};
constexpr int newcomers = 4000;

/// A newcomer takes the place of another, `uses` requests find it, and `losses` look for the other.
double learnt(int uses, int losses, std::uint64_t steps_between = 0) {
  ResidencyGain gain(8);
  std::uint64_t step = 0;
  for (int i = 0; i < newcomers; ++i) {
    gain.begin_layer();
    gain.left(replaced);
    gain.came(newcomer, step);
    step += steps_between;
    for (int u = 0; u < uses; ++u) gain.wanted(newcomer, true, step);
    for (int l = 0; l < losses; ++l) gain.wanted(replaced, false, step);
    gain.begin_layer();
    gain.left(newcomer);
  }
  return gain.uses();
}

TEST(ResidencyGain, IsOneUseBeforeAnythingHasHappened) {
  EXPECT_DOUBLE_EQ(ResidencyGain(8).uses(), 1);
}

TEST(ResidencyGain, IsWhatTheNewcomerServedLessWhatTheOtherWouldHave) {
  EXPECT_NEAR(learnt(3, 0), 3, 0.05);
  EXPECT_NEAR(learnt(3, 2), 1, 0.05);
  EXPECT_NEAR(learnt(0, 2), -2, 0.05);
}

TEST(ResidencyGain, DoesNotCountWhatComesLongAfter) {
  EXPECT_NEAR(learnt(3, 1, 64), 2, 0.05);
  EXPECT_NEAR(learnt(3, 1, 65), 0, 0.05);
}

TEST(ResidencyGain, CountsALossOnlyWhileTheNewcomerStays) {
  ResidencyGain gain(8);
  gain.begin_layer();
  gain.left(replaced);
  gain.came(newcomer, 0);
  gain.begin_layer();
  gain.left(newcomer);
  const double before = gain.uses();
  gain.wanted(replaced, false, 1);
  EXPECT_DOUBLE_EQ(gain.uses(), before);
}

TEST(ResidencyGain, WhoLeftInAnEarlierLayerMadeNoRoomForThisOne) {
  ResidencyGain gain(8);
  gain.left(replaced);
  gain.begin_layer();
  gain.came(newcomer, 0);
  const double before = gain.uses();
  gain.wanted(replaced, false, 1);
  EXPECT_DOUBLE_EQ(gain.uses(), before);
}

}  // namespace
}  // namespace prophet::engine_test
