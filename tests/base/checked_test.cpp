#include "runtime/base/checked.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "prophet/error.hpp"

namespace prophet {
namespace {

TEST(CheckedArithmetic, OverflowNamesWhatOverflowed) {
  EXPECT_EQ(checked_add(2, 3, "pages"), 5U);
  EXPECT_EQ(checked_round_up(257, 256, "slab"), 512U);
  try {
    (void)checked_mul(1ULL << 40, 1ULL << 40, "expert bytes");
    FAIL() << "an overflow passed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_THAT(error.what(), testing::HasSubstr("expert bytes: 1099511627776 * 1099511627776"));
  }
}

}  // namespace
}  // namespace prophet
