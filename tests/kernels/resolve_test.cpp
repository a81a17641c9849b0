#include "kernels/resolve.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/kernels/numbers.hpp"
#include "tests/kernels/resolve_lists.hpp"

namespace prophet::kernels {
namespace {

using testing::any_routing;
using testing::fresh_seed;
using testing::ResolvedLists;
using testing::RoutingCase;

constexpr std::uint64_t slab_bytes = 512;

SlabTable table_of(const RoutingCase& routing, const std::byte* base) {
  return {routing.slab_of.data(), routing.experts, routing.slabs, base, slab_bytes};
}

TEST(Resolve, ListsEachExpertOnceWithItsSlabAndTheTokensThatChoseIt) {
  Random random(fresh_seed());
  const std::vector<std::byte> arena(resolve_experts_max * slab_bytes);
  for (int repetition = 0; repetition < 100; ++repetition) {
    const RoutingCase routing = any_routing(random);
    std::map<std::uint32_t, std::vector<std::uint32_t>> choosers;
    for (std::size_t c = 0; c < routing.ids.size(); ++c) {
      choosers[routing.ids[c]].push_back(static_cast<std::uint32_t>(c / routing.top_k));
    }
    ResolvedLists lists(routing);
    ResolveReport report{};
    ASSERT_EQ(resolve(routing.ids, routing.top_k, table_of(routing, arena.data()), lists.view(), &report),
              Status::ok);
    ASSERT_EQ(lists.counts[0], choosers.size());
    std::uint32_t row = 0;
    std::uint32_t missing = 0;
    std::size_t d = 0;
    for (const auto& [expert, tokens] : choosers) {
      ASSERT_EQ(lists.experts[d], expert);
      ASSERT_EQ(lists.first_row[d], row);
      const std::uint32_t slab = routing.slab_of[expert];
      ASSERT_EQ(lists.slabs[d++], slab == no_slab ? nullptr : arena.data() + slab * slab_bytes);
      if (slab == no_slab) {
        ASSERT_EQ(report.missing_experts[missing++], expert);
      }
      for (const std::uint32_t token : tokens) ASSERT_EQ(lists.rows[row++], token);
    }
    EXPECT_EQ(lists.first_row[d], row);
    EXPECT_EQ(lists.counts[1], missing);
    EXPECT_EQ(report.missing, missing);
    EXPECT_EQ(report.distinct, choosers.size());
    EXPECT_EQ(report.written, 1U);
    for (std::size_t c = 0; c < routing.ids.size(); ++c) {
      ASSERT_EQ(lists.rows[lists.slots[c]], c / routing.top_k);
    }
  }
}

TEST(Resolve, TakesAnEntryBeyondTheSlabsForAMissingExpert) {
  const RoutingCase routing{
      .tokens = 1, .top_k = 2, .experts = 3, .slabs = 2, .ids = {2, 0}, .slab_of = {1, 0, 2}};
  const std::vector<std::byte> arena(2 * slab_bytes);
  ResolvedLists lists(routing);
  ResolveReport report{};
  ASSERT_EQ(resolve(routing.ids, 2, table_of(routing, arena.data()), lists.view(), &report), Status::ok);
  EXPECT_EQ(lists.slabs[0], arena.data() + slab_bytes);
  EXPECT_EQ(lists.slabs[1], nullptr);
  EXPECT_EQ(report.missing, 1U);
  EXPECT_EQ(report.missing_experts[0], 2U);
}

TEST(Resolve, RefusesWhatItCannotListAndWritesNothing) {
  RoutingCase routing{.tokens = 1, .top_k = 2, .experts = 3, .slabs = 2, .ids = {2, 3}, .slab_of = {1, 0, 2}};
  ResolvedLists lists(routing);
  ResolveReport report{};
  const SlabTable table = table_of(routing, nullptr);
  EXPECT_EQ(resolve(routing.ids, 2, table, lists.view(), &report), Status::index_out_of_range);
  EXPECT_EQ(resolve(routing.ids, 0, table, lists.view(), &report), Status::bad_shape);
  EXPECT_EQ(resolve(routing.ids, 3, table, lists.view(), &report), Status::bad_shape);
  EXPECT_EQ(resolve({}, 1, {.slab_of = routing.slab_of.data(), .experts = 513}, lists.view(), &report),
            Status::bad_shape);
  EXPECT_EQ(resolve({}, 1, {.slab_of = nullptr, .experts = 3}, lists.view(), &report), Status::null_pointer);
  EXPECT_EQ(resolve({}, 1, table, {}, &report), Status::null_pointer);
  EXPECT_EQ(resolve({}, 1, table, lists.view(), nullptr), Status::null_pointer);
  EXPECT_EQ(lists.counts[0], ResolvedLists::untouched);
  EXPECT_EQ(report.written, 0U);
}

}  // namespace
}  // namespace prophet::kernels
