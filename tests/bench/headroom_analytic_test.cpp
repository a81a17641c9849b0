// The analytic side of headroom against values computed by hand.
#include <gtest/gtest.h>

#include "bench/analytic/headroom_arithmetic.hpp"
#include "bench/analytic/kv_arithmetic.hpp"
#include "runtime/model/load_model.hpp"

namespace prophet::analytic {
namespace {

HeadroomQuestion question(const char* name, std::uint32_t cache_slabs) {
  HeadroomQuestion asked;
  asked.model = load_model(name);
  asked.expert_dtype = asked.model.expert_dtype;
  asked.cache_slabs = cache_slabs;
  return asked;
}

DeviceRoom plain_room(std::uint64_t bytes) {
  DeviceRoom room;
  room.total_bytes = bytes;
  room.usable_bytes = bytes;
  return room;
}

TEST(AnalyticKv, MixtralKeepsKAndVOfEightHeadsInEveryLayer) {
  const ModelShape model = load_model("mixtral-8x7b");
  EXPECT_EQ(token_bytes(model, Dtype::bf16), 32U * 2 * 8 * 128 * 2);
  EXPECT_EQ(token_bytes(model, Dtype::fp8), 32U * 2 * 8 * 128);
  EXPECT_EQ(token_bytes(model, Dtype::int8), 32U * 2 * 8 * (128 + 4));
  const KvCost cost = kv_cost(model, Dtype::bf16, 16);
  EXPECT_EQ(cost.page_bytes, 65536U);
  EXPECT_EQ(pages_of(cost, 0), 0U);
  EXPECT_EQ(pages_of(cost, 16), 32U);
  EXPECT_EQ(pages_of(cost, 160), 320U);
  EXPECT_EQ(tokens_of_each(cost, 639, 2), 9U * 16);
  EXPECT_EQ(tokens_of_each(cost, 640, 2), 10U * 16);
}

TEST(AnalyticKv, DeepSeekKeepsOneLatentAndOneRotaryKeyOfAToken) {
  const ModelShape model = load_model("deepseek-v3");
  EXPECT_EQ(token_bytes(model, Dtype::bf16), 61U * (512 + 64) * 2);
  const KvCost cost = kv_cost(model, Dtype::bf16, 16);
  EXPECT_EQ(cost.page_bytes, 16U * 576 * 2);
  EXPECT_EQ(pages_of(cost, 32), 2U * 61);
}

TEST(AnalyticKv, HalfOfGptOssStopsGrowingBehindItsWindow) {
  const ModelShape model = load_model("gpt-oss-20b");
  const KvCost cost = kv_cost(model, Dtype::bf16, 16);
  EXPECT_EQ(cost.page_bytes, 16U * 2 * 8 * 64 * 2);
  // The window of 128 tokens ends in 8 pages, and a new page begins in a ninth.
  EXPECT_EQ(pages_of(cost, 128), 12U * 8 + 12 * 8);
  EXPECT_EQ(pages_of(cost, 144), 12U * 9 + 12 * 9);
  EXPECT_EQ(pages_of(cost, 160), 12U * 10 + 12 * 9);
  EXPECT_EQ(pages_of(cost, 16000), 12U * 1000 + 12 * 9);
}

TEST(AnalyticKv, JambaKeepsTokensInNineLayersAndAStateInSixtyThree) {
  const ModelShape model = load_model("jamba-1.5-large");
  EXPECT_EQ(token_bytes(model, Dtype::bf16), 9U * 2 * 8 * 128 * 2);
  const KvCost cost = kv_cost(model, Dtype::bf16, 16);
  // 63 layers of 2 * 8192 channels with 16 + 4 values each, in 2 bytes: 41,287,680 bytes.
  EXPECT_EQ(cost.state_pages, 41287680U / 65536);
  EXPECT_EQ(pages_of(cost, 16), 9U + 630);
}

TEST(AnalyticKv, OfPagesOfTwoSizesTheWindowKnowsItsLargest) {
  ModelShape model;
  model.context_tokens = 4096;
  model.kv = {{KvKind::grouped_query, 2, 4, 64, 0, 0, 0}, {KvKind::sliding_window, 3, 1, 64, 0, 0, 40}};
  const KvCost cost = kv_cost(model, Dtype::bf16, 8);
  ASSERT_EQ(cost.runs.size(), 2U);
  EXPECT_EQ(cost.runs[1].page_tokens, 32U);
  // 72 tokens: 9 pages of 8; the 65th token attends from token 25 on, in page 0, so that 3 pages of 32 are
  // held.
  EXPECT_EQ(pages_of(cost, 72), 2U * 9 + 3 * 3);
  // 80: the 73rd attends from token 33 on, in page 1.
  EXPECT_EQ(pages_of(cost, 80), 2U * 10 + 3 * 2);
  EXPECT_EQ(peak_pages_of(cost, 80), 2U * 9 + 3 * 3);
}

TEST(AnalyticHeadroom, MixtralOnAnH100IsWhatAPencilSays) {
  const HeadroomTerms all = headroom(question("mixtral-8x7b", 256), plain_room(84288733184));
  EXPECT_FALSE(all.placed());
  EXPECT_FALSE(all.fits());
  EXPECT_EQ(all.weights_bytes, 3211272192U);
  EXPECT_EQ(all.workspace_bytes, 54678528U);   // 4 * (512 * 26636 + 32000)
  EXPECT_EQ(all.block_table_bytes, 5144576U);  // 4 for each of 1286144 pages of 64 KiB
  EXPECT_EQ(all.missing_bytes, 3211272192U + 54678528 + 5144576 + 256 * 352321536ULL - 84288733184U);

  HeadroomQuestion quarter = question("mixtral-8x7b", 64);
  quarter.staging_slabs = 2;
  quarter.predictor_bytes = 14400000;
  const HeadroomTerms some = headroom(quarter, plain_room(84288733184));
  EXPECT_EQ(some.slab_bytes, 352321536U);
  EXPECT_EQ(some.slabs, 229U);
  EXPECT_EQ(some.lent_slabs, 163U);
  EXPECT_EQ(some.pages_per_slab, 5376U);
  EXPECT_EQ(some.lent_waste_bytes, 0U);
  EXPECT_EQ(some.pages, 163U * 5376);
  EXPECT_EQ(some.tokens, 438144U);  // 163 * 5376 / 32 * 16
  EXPECT_EQ(some.rest_bytes, 81003237888U - 229 * 352321536ULL);
}

TEST(AnalyticHeadroom, OfSequencesThatGrowInTurnSomeAreAPageAhead) {
  HeadroomQuestion quarter = question("mixtral-8x7b", 64);
  quarter.staging_slabs = 2;
  quarter.predictor_bytes = 14400000;
  quarter.batch = 64;
  const HeadroomTerms some = headroom(quarter, plain_room(84288733184));
  // 27384 steps of 32 pages: 427 for each of 64, and 56 more.
  EXPECT_EQ(some.context_tokens, 427U * 16);
  EXPECT_EQ(some.tokens, 27384U * 16);
  EXPECT_EQ(some.used_pages, some.pages);
}

TEST(AnalyticHeadroom, DeepSeekLosesAThirdOfAPageInEveryLentSlab) {
  HeadroomQuestion asked = question("deepseek-v3", 58);
  asked.staging_slabs = 8;
  const HeadroomTerms some = headroom(asked, plain_room(84288733184));
  EXPECT_EQ(some.slab_bytes, 44040192U);  // fp8
  EXPECT_EQ(some.pages_per_slab, 2389U);
  EXPECT_EQ(some.lent_waste_bytes, some.lent_slabs * 6144ULL);
  EXPECT_NEAR(some.lent_waste_fraction(), 6144.0 / 44040192, 1e-12);
}

TEST(AnalyticHeadroom, RoundingIsPaidByTheReserveFirst) {
  const HeadroomQuestion asked = question("olmoe-1b-7b", 64);
  const HeadroomTerms plain = headroom(asked, plain_room(8ULL << 30));
  DeviceRoom room = plain_room(8ULL << 30);
  room.granularity_bytes = 2 << 20;
  room.reserve_bytes = 512 << 20;
  room.total_bytes += room.reserve_bytes;
  const HeadroomTerms rounded = headroom(asked, room);
  EXPECT_EQ(rounded.pages, plain.pages);
  EXPECT_GT(rounded.rounding_bytes, 0U);
  room.reserve_bytes = 0;
  room.usable_bytes =
      plain.weights_bytes + plain.workspace_bytes + plain.block_table_bytes + plain.slabs * plain.slab_bytes;
  EXPECT_LT(headroom(asked, room).slabs, plain.slabs);
}

TEST(AnalyticHeadroom, TheClosedFormKnowsNoPages) {
  const HeadroomQuestion asked = question("olmoe-1b-7b", 64 * 16);
  const std::uint64_t memory = 40ULL << 30;
  EXPECT_EQ(closed_form_tokens(asked, plain_room(memory)), (memory - 953421824 - 12884901888) / 131072);
  EXPECT_EQ(closed_form_tokens(asked, plain_room(1 << 20)), 0U);
}

}  // namespace
}  // namespace prophet::analytic
