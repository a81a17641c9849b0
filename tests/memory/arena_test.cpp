#include "runtime/memory/arena.hpp"

#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/random.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet {
namespace {

std::string refusal(std::uint64_t expert_bytes, std::uint32_t slabs, std::uint64_t alignment_bytes) {
  try {
    (void)Arena::plan(expert_bytes, slabs, alignment_bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "accepted";
}

TEST(Arena, RoundsSlabsUpAndReportsTheWaste) {
  const Arena arena = Arena::plan(1000, 3);
  EXPECT_EQ(arena.stride_bytes, 1024U);
  EXPECT_EQ(arena.total_bytes(), 3072U);
  EXPECT_EQ(arena.waste_bytes(), 72U);
  EXPECT_EQ(arena.offset_bytes(SlabId{2}), 2048U);
}

TEST(Arena, WastesNothingWhenExpertsFillTheirSlabs) {
  EXPECT_EQ(Arena::plan(2U << 20U, 7, 2U << 20U).waste_bytes(), 0U);
}

TEST(Arena, RefusesWhatCannotBeAnArenaInOneSentence) {
  EXPECT_EQ(refusal(0, 1, 256), "arena: an expert of 0 bytes is outside 1 to 17179869184");
  EXPECT_EQ(refusal(limits::expert_bytes_max + 1, 1, 256),
            "arena: an expert of 17179869185 bytes is outside 1 to 17179869184");
  EXPECT_EQ(refusal(1, 0, 256), "arena: 0 slabs are outside 1 to 16777216");
  EXPECT_EQ(refusal(1, limits::slabs_max + 1, 256), "arena: 16777217 slabs are outside 1 to 16777216");
  EXPECT_EQ(refusal(1, 1, 0), "arena: an alignment of 0 bytes is not a power of two");
  EXPECT_EQ(refusal(1, 1, 384), "arena: an alignment of 384 bytes is not a power of two");
}

TEST(Arena, RefusesSizesThatDoNotFit64Bits) {
  const std::uint64_t huge = std::uint64_t{1} << 63U;
  EXPECT_EQ(refusal(4096, 2, huge),
            "arena: 2 slabs of 4096 bytes aligned to 9223372036854775808 do not fit 64 bits");
  EXPECT_EQ(Arena::plan(4096, 1, huge).total_bytes(), huge);
}

/// Against slabs laid out one after the other.
TEST(Arena, RandomArenasAreGridsOfDisjointAlignedSlabs) {
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  for (std::uint64_t done = 0, end = testing_support::random_operations(1'000'000); done < end;) {
    const std::uint64_t expert_bytes = 1 + random.below(std::uint64_t{1} << random.below(34));
    const std::uint64_t alignment_bytes = std::uint64_t{1} << random.below(22);
    const auto slabs = static_cast<std::uint32_t>(1 + random.below(40));
    const Arena arena = Arena::plan(expert_bytes, slabs, alignment_bytes);
    std::uint64_t next_free = 0;
    std::uint64_t waste_bytes = 0;
    for (std::uint32_t s = 0; s < slabs; ++s, ++done) {
      ASSERT_EQ(arena.offset_bytes(SlabId{s}), next_free);
      ASSERT_EQ(next_free % alignment_bytes, 0U);
      std::uint64_t end_of_slab = next_free + expert_bytes;
      if (end_of_slab % alignment_bytes != 0) {
        end_of_slab += alignment_bytes - end_of_slab % alignment_bytes;
      }
      waste_bytes += end_of_slab - next_free - expert_bytes;
      next_free = end_of_slab;
    }
    ASSERT_EQ(arena.total_bytes(), next_free);
    ASSERT_EQ(arena.waste_bytes(), waste_bytes);
  }
}

}  // namespace
}  // namespace prophet
