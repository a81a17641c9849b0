// Pages of a model: what a page holds, what is wasted, and that sequences take what the geometry says.
#include "runtime/kv/kv_geometry.hpp"

#include <gtest/gtest.h>

#include <bit>

#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "tests/kv/kv_cases.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet {
namespace {

using testing_support::LentCache;
using testing_support::Tokens;

constexpr std::uint64_t mib = 1ULL << 20;

TEST(KvGeometry, SixteenTokensWhereTheyWasteLittle) {
  // Qwen3-30B-A3B: 48 layers of 4 heads of 128 in bf16; an expert of 9 MiB.
  const KvPagePlan plan = propose_pages({{{48, 2048, 0, 0}}, 0, 0}, 9 * mib);
  EXPECT_EQ(plan.geometry.groups[0].page_tokens, 16U);
  EXPECT_EQ(plan.geometry.page_bytes, 32768U);
  EXPECT_EQ(plan.pages_per_slab, 288U);
  EXPECT_EQ(plan.waste, 0);
}

TEST(KvGeometry, SmallerPagesWhereSixteenTokensWasteTooMuch) {
  // Not two pages of 16 tokens, but 31 of one.
  const KvPagePlan plan = propose_pages({{{1, 4096, 0, 0}}, 0, 0}, 125 * 1024);
  EXPECT_LT(plan.geometry.groups[0].page_tokens, 16U);
  EXPECT_LE(plan.waste, kv_waste_max);
}

TEST(KvGeometry, TheLeastWasteWhereNoneIsSmall) {
  const KvPagePlan plan = propose_pages({{{1, 3000, 0, 0}}, 0, 0}, 5000);
  EXPECT_EQ(plan.pages_per_slab, 1U);
  EXPECT_EQ(plan.slab_waste_bytes, 5000U - 3008U);
  EXPECT_NEAR(plan.waste, 1 - 3000.0 / 5000, 1e-12);
}

TEST(KvGeometry, GroupsOfSmallerTokensHoldMoreOfThem) {
  const KvPagePlan plan = plan_pages({{{5, 4096, 0, 0}, {5, 1024, 128, 0}, {1, 1500, 0, 0}}, 0, 0}, mib, 16);
  EXPECT_EQ(plan.geometry.groups[0].page_tokens, 16U);
  EXPECT_EQ(plan.geometry.groups[1].page_tokens, 64U);
  EXPECT_EQ(plan.geometry.groups[2].page_tokens, 32U) << "a power of two that fits";
  EXPECT_GT(plan.waste, 0) << "the third group does not fill its pages";
}

TEST(KvGeometry, NumbersThatDoNotHoldAreRefusedByName) {
  const auto refuses = [](const KvGeometry& model, std::uint64_t slab_bytes, std::uint32_t page_tokens) {
    try {
      (void)plan_pages(model, slab_bytes, page_tokens);
    } catch (const Error& error) {
      return error.code() == ErrorCode::usage ? std::string(error.what()) : "wrong code";
    }
    return std::string("accepted");
  };
  EXPECT_NE(refuses({{{1, 64, 0, 0}}, 0, 0}, mib, 0).find("page_tokens"), std::string::npos);
  EXPECT_NE(refuses({{{1, 64, 0, 0}}, 0, 0}, mib, 24).find("power of two"), std::string::npos);
  EXPECT_NE(refuses({{{1, 64, 0, 0}}, 0, 0}, mib, 1U << 31).find("page_tokens"), std::string::npos);
  EXPECT_NE(refuses({{{0, 64, 0, 0}}, 0, 0}, mib, 16).find("layers"), std::string::npos);
  EXPECT_NE(refuses({{{1, 0, 0, 0}}, 0, 0}, mib, 16).find("token_bytes"), std::string::npos);
  EXPECT_NE(refuses({{{1, 65536, 0, 0}}, 0, 0}, mib, 32).find("slab"), std::string::npos);
  EXPECT_NE(refuses({{}, 0, 0}, mib, 16).find("groups"), std::string::npos);
}

/// Grows one sequence a token at a time and one in a single piece, and counts what they hold.
TEST(KvGeometry, SequencesTakeThePagesThatTheGeometrySays) {
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  for (int round = 0; round < 50; ++round) {
    KvGeometry geometry{{}, random.chance(0.5) ? random.below(1000) : 0, 256};
    for (std::uint64_t g = 1 + random.below(3); g-- > 0;) {
      const std::uint32_t page_tokens = 1U << random.below(4);
      geometry.groups.push_back({static_cast<std::uint32_t>(1 + random.below(4)), 256 / page_tokens,
                                 static_cast<std::uint32_t>(random.chance(0.5) ? 1 + random.below(20) : 0),
                                 page_tokens});
    }
    LentCache cache(geometry, 8, 200);
    const auto tokens = static_cast<std::uint32_t>(2 + random.below(60));
    const KvSequenceId whole = cache->admit_unnamed(tokens)->sequence;
    EXPECT_EQ(cache->pool().referenced_pages(), geometry.sequence_pages(tokens));
    cache->free(whole);
    const KvSequenceId grown = cache->admit_unnamed(1)->sequence;
    for (std::uint32_t t = 1; t < tokens; ++t) ASSERT_TRUE(cache->append_unnamed(grown, 1));
    EXPECT_EQ(cache->pool().referenced_pages(), geometry.decoding_pages(tokens));
  }
}

}  // namespace
}  // namespace prophet
