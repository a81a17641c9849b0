#include "kernels/page.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace prophet::kernels {
namespace {

constexpr PageGrid grid{.slab_bytes = 208, .pages_per_slab = 3, .page_bytes = 64};

TEST(Page, LiesInItsSlabAndNeverAcrossTwo) {
  EXPECT_EQ(page_offset(grid, 0), 0U);
  EXPECT_EQ(page_offset(grid, 2), 128U);
  EXPECT_EQ(page_offset(grid, 3), 208U);
  EXPECT_EQ(page_offset(grid, 7), 2 * 208U + 64U);
}

TEST(Page, PatternsHaveNoWordInCommon) {
  std::vector<std::byte> slabs(40 * 208);
  std::vector<std::uint32_t> pages(120);
  for (std::uint32_t p = 0; p < 120; ++p) pages[p] = p;
  std::set<std::uint64_t> words;
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    ASSERT_EQ(page_fill(slabs, grid, pages, pages, seed), Status::ok);
    for (const std::uint32_t page : pages) {
      for (std::size_t at = 0; at < grid.page_bytes; at += 8) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < 8; ++i) {
          word |= std::to_integer<std::uint64_t>(slabs[page_offset(grid, page) + at + i]) << (8 * i);
        }
        words.insert(word);
      }
    }
  }
  EXPECT_EQ(words.size(), 3U * 120U * 8U);
}

TEST(Page, TheFirstWrongByteOfTheFirstWrongPageIsReported) {
  std::vector<std::byte> slabs(2 * 208);
  const std::vector<std::uint32_t> pages = {4, 1, 2};
  std::uint64_t wrong = 0;
  ASSERT_EQ(page_fill(slabs, grid, pages, pages, 7), Status::ok);
  ASSERT_EQ(page_verify(slabs, grid, pages, pages, 7, &wrong), Status::ok);
  EXPECT_EQ(wrong, no_wrong_byte);
  for (const std::uint32_t at : {40U, 13U}) slabs[page_offset(grid, 2) + at] ^= std::byte{1};
  ASSERT_EQ(page_verify(slabs, grid, pages, pages, 7, &wrong), Status::ok);
  EXPECT_EQ(wrong, 2 * 64U + 13U);
  slabs[page_offset(grid, 1) + 63] ^= std::byte{1};
  ASSERT_EQ(page_verify(slabs, grid, pages, pages, 7, &wrong), Status::ok);
  EXPECT_EQ(wrong, 64U + 63U);
}

TEST(Page, KeepsItsPatternWhenItMoves) {
  std::vector<std::byte> slabs(2 * 208);
  const std::vector<std::uint32_t> ids = {1, 5};
  ASSERT_EQ(page_fill(slabs, grid, ids, ids, 9), Status::ok);
  const std::vector<PageMove> moves = {{1, 0}, {5, 3}};
  ASSERT_EQ(page_move(slabs, grid, moves), Status::ok);
  std::uint64_t wrong = 0;
  ASSERT_EQ(page_verify(slabs, grid, std::vector<std::uint32_t>{0, 3}, ids, 9, &wrong), Status::ok);
  EXPECT_EQ(wrong, no_wrong_byte);
}

TEST(Page, RefusesPagesOutsideAndGridsThatDoNotFit) {
  std::vector<std::byte> slabs(2 * 208 - 1);
  const std::vector<std::uint32_t> one = {3};
  std::uint64_t wrong = 0;
  EXPECT_EQ(page_fill(slabs, grid, one, one, 0), Status::index_out_of_range);
  EXPECT_EQ(page_verify(slabs, grid, one, one, 0, &wrong), Status::index_out_of_range);
  EXPECT_EQ(page_verify(slabs, grid, one, one, 0, nullptr), Status::null_pointer);
  EXPECT_EQ(page_fill(slabs, grid, one, {}, 0), Status::bad_shape);
  EXPECT_EQ(page_move(slabs, grid, std::vector<PageMove>{{0, 3}}), Status::index_out_of_range);
  EXPECT_EQ(page_move(slabs, {.slab_bytes = 208, .pages_per_slab = 4, .page_bytes = 64}, {}),
            Status::bad_shape);
  EXPECT_EQ(page_move(slabs, {.slab_bytes = 208, .pages_per_slab = 1, .page_bytes = 72}, {}),
            Status::bad_shape);
  EXPECT_EQ(page_move(slabs, {.slab_bytes = 208, .pages_per_slab = 0, .page_bytes = 64}, {}),
            Status::bad_shape);
}

}  // namespace
}  // namespace prophet::kernels
