#include "runtime/memory/page_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet {
namespace {

std::vector<PageId> take(PagePool& pool, std::size_t count) {
  std::vector<PageId> pages(count);
  EXPECT_TRUE(pool.take(pages));
  return pages;
}

TEST(PageGrid, CutsSlabsIntoWholePages) {
  const PageGrid grid = PageGrid::plan(1000, 3, 300);
  EXPECT_EQ(grid.pages_per_slab, 3U);
  EXPECT_EQ(grid.waste_bytes(1000), 100U);
  EXPECT_EQ(grid.slab_of(PageId{5}), SlabId{1});
  EXPECT_EQ(grid.offset_bytes(PageId{5}, 1024), 1024U + 2 * 300);
  EXPECT_THROW((void)PageGrid::plan(1000, 3, 1001), Error);
  EXPECT_THROW((void)PageGrid::plan(1000, 3, 0), Error);
  EXPECT_THROW((void)PageGrid::plan(1ULL << 34, 1U << 20, 16), Error) << "more pages than the books hold";
}

TEST(PagePool, AllOrNothing) {
  PagePool pool(PageGrid::plan(1000, 2, 250));
  pool.add_slab(SlabId{1});
  std::vector<PageId> pages(5);
  EXPECT_FALSE(pool.take(pages));
  EXPECT_EQ(pool.free_pages(), 4U);
  EXPECT_EQ(take(pool, 4), (std::vector<PageId>{PageId{4}, PageId{5}, PageId{6}, PageId{7}}));
}

TEST(PagePool, SlabsInUseFillBeforeAnUnusedOneIsTouched) {
  PagePool pool(PageGrid::plan(1000, 3, 250));
  for (std::uint32_t s = 0; s < 3; ++s) pool.add_slab(SlabId{s});
  const auto first = take(pool, 5);  // all of one slab, and a page of another
  pool.give_back(std::span(first).first(3));
  const auto again = take(pool, 6);
  std::set<std::uint32_t> slabs;
  for (const PageId page : again) slabs.insert(page.value / 4);
  for (const PageId page : first) slabs.insert(page.value / 4);
  EXPECT_EQ(slabs.size(), 2U) << "the third stays whole";
}

TEST(PagePool, ASlabLeavesOnlyEmptyAndComesBackWhole) {
  PagePool pool(PageGrid::plan(1000, 1, 250));
  pool.add_slab(SlabId{0});
  EXPECT_THROW(pool.add_slab(SlabId{0}), Error);
  const auto pages = take(pool, 2);
  EXPECT_THROW(pool.remove_slab(SlabId{0}), Error);
  pool.give_back(pages);
  pool.remove_slab(SlabId{0});
  EXPECT_THROW(pool.remove_slab(SlabId{0}), Error);
  EXPECT_EQ(pool.free_pages(), 0U);
  pool.add_slab(SlabId{0});
  EXPECT_EQ(pool.free_pages(), 4U);
}

/// Against a list of which pages are taken.
class RandomPages {
 public:
  explicit RandomPages(Random& random)
      : random_(random),
        grid_(PageGrid::plan(100 * (1 + random.below(9)), static_cast<std::uint32_t>(1 + random.below(6)),
                             100)),
        pool_(grid_),
        taken_(grid_.pages()),
        lent_(grid_.slabs),
        closed_(grid_.slabs) {}

  void operate() {
    const SlabId slab{static_cast<std::uint32_t>(random_.below(grid_.slabs))};
    switch (random_.below(8)) {
      case 0:
        return lend(slab);
      case 1:
        return close_or_open(slab);
      case 2:
        return remove(slab);
      case 3:
      case 4:
      case 5:
        return take_some();
      default:
        return give_some_back();
    }
  }

  void compare() const {
    pool_.check_invariants();
    for (std::uint32_t p = 0; p < grid_.pages(); ++p) {
      ASSERT_EQ(pool_.is_free(PageId{p}), lent_[p / grid_.pages_per_slab] && !taken_[p]);
    }
    ASSERT_EQ(pool_.free_pages(), free_pages());
  }

 private:
  [[nodiscard]] std::uint32_t free_pages() const {
    std::uint32_t free = 0;
    for (std::uint32_t p = 0; p < grid_.pages(); ++p) {
      const std::uint32_t s = p / grid_.pages_per_slab;
      free += lent_[s] && !closed_[s] && !taken_[p] ? 1 : 0;
    }
    return free;
  }
  void lend(SlabId slab) {
    if (lent_[slab.index()]) return;
    pool_.add_slab(slab);
    lent_[slab.index()] = true;
  }
  void close_or_open(SlabId slab) {
    if (!lent_[slab.index()]) return;
    closed_[slab.index()] ? pool_.open_slab(slab) : pool_.close_slab(slab);
    closed_[slab.index()] = !closed_[slab.index()];
  }
  void remove(SlabId slab) {
    const auto first = taken_.begin() + static_cast<std::ptrdiff_t>(grid_.first_page(slab).index());
    const bool may = lent_[slab.index()] && std::count(first, first + grid_.pages_per_slab, true) == 0;
    if (!may) {
      EXPECT_THROW(pool_.remove_slab(slab), Error);
      return;
    }
    pool_.remove_slab(slab);
    lent_[slab.index()] = closed_[slab.index()] = false;
  }
  void take_some() {
    std::vector<PageId> pages(random_.below(12));
    std::vector<PageId> foreseen(pages.size());
    foreseen.resize(pool_.peek(foreseen, SlabId{grid_.slabs}));
    const bool fits = pages.size() <= free_pages();
    ASSERT_EQ(pool_.take(pages), fits);
    if (!fits) return;
    ASSERT_EQ(pages, foreseen);
    for (const PageId page : pages) {
      const std::uint32_t slab = grid_.slab_of(page).value;
      ASSERT_TRUE(lent_[slab] && !closed_[slab] && !taken_[page.index()]) << "page " << page.value;
      taken_[page.index()] = true;
      held_.push_back(page);
    }
  }
  void give_some_back() {
    for (std::uint64_t count = random_.below(12); count > 0 && !held_.empty(); --count) {
      std::swap(held_[random_.below(held_.size())], held_.back());
      pool_.give_back(std::span(&held_.back(), 1));
      taken_[held_.back().index()] = false;
      held_.pop_back();
    }
  }

  Random& random_;
  PageGrid grid_;
  PagePool pool_;
  std::vector<bool> taken_;
  std::vector<bool> lent_;
  std::vector<bool> closed_;
  std::vector<PageId> held_;
};

TEST(PagePool, RandomOperationsMatchAListOfPages) {
  const std::uint64_t seed = testing_support::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Random random(seed);
  constexpr std::uint64_t operations_a_pool = 2000;
  for (std::uint64_t done = 0, end = testing_support::random_operations(1'000'000); done < end;
       done += operations_a_pool) {
    RandomPages pages(random);
    for (std::uint64_t i = 1; i <= operations_a_pool && !::testing::Test::HasFatalFailure(); ++i) {
      pages.operate();
      if (i % 50 == 0) pages.compare();
    }
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace prophet
