#include "runtime/engine/prefetch_plan.hpp"

#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "runtime/engine/link_watch.hpp"
#include "runtime/engine/prefetcher.hpp"

namespace prophet {
namespace {

/// Experts of 100 ns in chunks of 20, of which the link has time for half of one a layer.
constexpr LinkOutlook half{100, 20, 50, 1};
constexpr double price = 0.1;

PrefetchOffer offer_of(std::uint32_t expert, std::uint32_t ahead, float probability) {
  return {ExpertIndex{expert}, LayerId{ahead}, ahead, probability, 0};
}

PrefetchPlan plan_of(std::initializer_list<PrefetchOffer> offers, const LinkOutlook& link,
                     double victim_chance = 0) {
  PrefetchPlan plan(8, price);
  plan.begin(link, victim_chance);
  for (std::uint32_t ahead = 1; ahead <= 3; ++ahead) {
    for (const PrefetchOffer& offer : offers) {
      if (offer.ahead == ahead) plan.offer(offer);
    }
    plan.settle(8);
  }
  return plan;
}

std::vector<std::uint32_t> experts(const PrefetchPlan& plan) {
  std::vector<std::uint32_t> ids;
  for (const PrefetchOffer& offer : plan.rest()) ids.push_back(offer.expert.value);
  return ids;
}

using Ids = std::vector<std::uint32_t>;

TEST(PrefetchPlan, ExpectsTheStallThatIsSavedLessWhatItCosts) {
  const PrefetchPlan plan = plan_of({offer_of(3, 1, 0.8F)}, half, 0.25);
  ASSERT_EQ(experts(plan), Ids{3});
  EXPECT_NEAR(plan.rest().front().gain_ns, 0.8 * 50 - 0.2 * (10 + 0.1 * 50 + 0.25 * 100), 1e-4);
}

TEST(PrefetchPlan, LeavesOutWhatDoesNotPay) {
  EXPECT_EQ(experts(plan_of({offer_of(1, 1, 0.2F), offer_of(2, 1, 0.3F)}, half)), Ids{2})
      << "50 p > 15 (1 - p) from 3 in 13";
  EXPECT_EQ(experts(plan_of({offer_of(2, 1, 0.3F)}, half, 0.5)), Ids{}) << "a victim may be missed";
  EXPECT_EQ(experts(plan_of({offer_of(2, 1, 1.0F)}, {100, 20, 0, 1})), Ids{}) << "the link is never free";
}

TEST(PrefetchPlan, TheNearestLayerGoesFirstAndLaterOnesTakeWhatIsLeft) {
  const PrefetchPlan plan =
      plan_of({offer_of(1, 2, 0.9F), offer_of(2, 1, 0.5F), offer_of(3, 1, 0.6F), offer_of(4, 3, 0.9F)}, half);
  EXPECT_EQ(experts(plan), (Ids{3, 4})) << "behind expert 3 there is no time before the next two layers";
}

TEST(PrefetchPlan, KnowsForWhichLayersTheLinkHasTimeLeft) {
  PrefetchPlan plan(8, price);
  plan.begin(half, 0);
  EXPECT_TRUE(plan.has_time(1));
  plan.offer(offer_of(1, 1, 0.9F));
  plan.settle(8);
  EXPECT_FALSE(plan.has_time(1));
  EXPECT_FALSE(plan.has_time(2)) << "the first takes both layers";
  EXPECT_TRUE(plan.has_time(3));
  plan.begin({100, 20, 0, 1}, 0);
  EXPECT_FALSE(plan.has_time(3)) << "the link is never free";
}

TEST(PrefetchPlan, BelowTheLeastChanceNothingPays) {
  PrefetchPlan plan(8, price);
  plan.begin(half, 0);
  EXPECT_NEAR(plan.chance_min(1), 3.0 / 13, 1e-9) << "50 p > 15 (1 - p)";
  EXPECT_LT(plan.chance_min(2), plan.chance_min(1)) << "more of it is hidden";
  plan.offer(offer_of(1, 1, 0.9F));
  plan.settle(8);
  EXPECT_GT(plan.chance_min(1), 1) << "the link has no time left";
}

TEST(PrefetchPlan, TakesNoMoreOfALayerThanItsWidth) {
  PrefetchPlan plan(8, price);
  plan.begin({100, 20, 1000, 1}, 0);
  for (const std::uint32_t e : {1U, 2U, 3U}) plan.offer(offer_of(e, 1, 0.5F + 0.1F * static_cast<float>(e)));
  plan.settle(2);
  EXPECT_EQ(experts(plan), (Ids{3, 2}));
}

TEST(PrefetchPlan, PassesOnInOrder) {
  PrefetchPlan plan = plan_of({offer_of(1, 3, 0.9F), offer_of(2, 1, 0.5F)}, half);
  EXPECT_EQ(experts(plan), (Ids{2, 1}));
  plan.pass();
  EXPECT_EQ(experts(plan), Ids{1});
  plan.clear();
  EXPECT_EQ(experts(plan), Ids{});
}

TEST(PrefetchPlan, InChunksThatCostMoreThanTheirBytesLessIsHiddenAndALayerIsHeldUp) {
  LinkOutlook chunked = half;
  chunked.slowdown = 2;
  chunked.held_up_ns = 4;
  const PrefetchPlan plan = plan_of({offer_of(3, 1, 0.8F)}, chunked);
  ASSERT_EQ(experts(plan), Ids{3});
  EXPECT_NEAR(plan.rest().front().gain_ns, 0.8 * 25 - 0.2 * (10 + 0.1 * 25) - 4, 1e-4);
  chunked.held_up_ns = 25;
  EXPECT_EQ(experts(plan_of({offer_of(3, 1, 1.0F)}, chunked)), Ids{}) << "it costs what it hides";
}

TEST(PrefetchPlan, ALayerIsHeldUpOnceHoweverManyAreCopied) {
  const LinkOutlook roomy{100, 20, 400, 1, 1, 50};
  const PrefetchPlan plan = plan_of({offer_of(1, 1, 1.0F), offer_of(2, 1, 1.0F)}, roomy);
  ASSERT_EQ(plan.rest().size(), 2U);
  EXPECT_NEAR(plan.rest()[0].gain_ns, 100 - 50, 1e-4);
  EXPECT_NEAR(plan.rest()[1].gain_ns, 100, 1e-4);
}

TEST(LinkWatch, TakesWhatAChunkCostsFromItsMeasurement) {
  EXPECT_EQ(LinkWatch(1e9, 100, 20).outlook().slowdown, 1);
  EXPECT_EQ(LinkWatch(1e9, 100, 20).outlook().held_up_ns, 0);
  const LinkOutlook outlook = LinkWatch(1e9, 100, 20, {50, 40}).outlook();
  EXPECT_EQ(outlook.slowdown, 2.5) << "20 ns of bytes take 50";
  EXPECT_NEAR(outlook.held_up_ns, 40 * 1.8, 1e-9) << "the host is busy for 4 in 5";
  EXPECT_EQ(LinkWatch(1e9, 100, 20, {19, 0}).outlook().slowdown, 1) << "no faster than the link";
}

TEST(LinkWatch, LearnsWhatTheLinkHasLeft) {
  LinkWatch watch(1e9, 100, 20);  // a byte a nanosecond
  EXPECT_EQ(watch.outlook().expert_ns, 100);
  EXPECT_EQ(watch.outlook().chunk_ns, 20);
  std::uint64_t demand_bytes = 0;
  for (std::uint64_t layer = 1; layer < 2000; ++layer) {
    if (layer % 2 == 0) demand_bytes += 100;
    watch.layer_done(1000 + layer * 150, demand_bytes);
  }
  EXPECT_NEAR(watch.outlook().idle_ns, 100, 2);
  EXPECT_NEAR(watch.outlook().demand_share, 0.5, 0.02);
}

TEST(LinkWatch, APauseIsNoLayer) {
  LinkWatch watch(1e9, 100, 20);
  for (std::uint64_t layer = 1; layer < 1000; ++layer) watch.layer_done(layer * 50, 0);
  watch.interrupted();
  watch.layer_done(1'000'000'000, 0);
  EXPECT_NEAR(watch.outlook().idle_ns, 50, 1);
}

TEST(PrefetchRule, IsReadByItsName) {
  EXPECT_EQ(parse_prefetch_rule("named"), PrefetchRule::named);
  EXPECT_EQ(parse_prefetch_rule("paying"), PrefetchRule::paying);
  EXPECT_THROW((void)parse_prefetch_rule("all"), Error);
}

}  // namespace
}  // namespace prophet
