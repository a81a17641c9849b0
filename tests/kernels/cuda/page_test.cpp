#include "kernels/cuda/page.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::PageGrid;
using kernels::PageMove;
using testing::fresh_seed;

/// Pages of less than a tile, of whole tiles and of more than one.
PageGrid any_grid(Random& random) {
  PageGrid grid;
  grid.page_bytes = static_cast<std::uint32_t>(16 * (1 + random.below(random.chance(0.5) ? 64 : 2300)));
  grid.pages_per_slab = static_cast<std::uint32_t>(1 + random.below(4));
  grid.slab_bytes = std::uint64_t{grid.page_bytes} * grid.pages_per_slab + 16 * random.below(20);
  return grid;
}

std::vector<std::uint32_t> shuffled_pages(Random& random, const PageGrid& grid, std::uint32_t slabs) {
  std::vector<std::uint32_t> pages(std::size_t{slabs} * grid.pages_per_slab);
  std::iota(pages.begin(), pages.end(), 0U);
  for (std::size_t i = pages.size(); i > 1; --i) std::swap(pages[i - 1], pages[random.below(i)]);
  return pages;
}

class CudaPage : public OnDevice {};

TEST_F(CudaPage, FillsPagesAsTheReferenceDoesAndNothingElse) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 15; ++repetition) {
    const PageGrid grid = any_grid(random);
    std::vector<std::byte> slabs(3 * grid.slab_bytes, std::byte{0x77});
    std::vector<std::uint32_t> pages = shuffled_pages(random, grid, 3);
    pages.resize(1 + random.below(pages.size()));
    std::vector<std::uint32_t> ids(pages.size());
    for (auto& id : ids) id = static_cast<std::uint32_t>(random.next());
    const std::uint64_t seed = random.next();
    const DeviceArray<std::byte> device_slabs(slabs);
    const DeviceArray<std::uint32_t> device_pages(pages);
    const DeviceArray<std::uint32_t> device_ids(ids);
    expect_ok(kernels::cuda::page_fill(device_slabs.data(), grid, device_pages.data(), device_ids.data(),
                                       static_cast<std::uint32_t>(pages.size()), seed, nullptr));
    ASSERT_EQ(kernels::page_fill(slabs, grid, pages, ids, seed), kernels::Status::ok);
    ASSERT_EQ(device_slabs.read(), slabs);
  }
}

TEST_F(CudaPage, ReportsTheSameFirstWrongByteAsTheReference) {
  Random random(fresh_seed());
  const DeviceArray<std::uint64_t> first_wrong(1);
  for (int repetition = 0; repetition < 30; ++repetition) {
    const PageGrid grid = any_grid(random);
    std::vector<std::byte> slabs(2 * grid.slab_bytes);
    const std::vector<std::uint32_t> pages = shuffled_pages(random, grid, 2);
    ASSERT_EQ(kernels::page_fill(slabs, grid, pages, pages, 5), kernels::Status::ok);
    for (std::uint64_t errors = random.below(4); errors != 0; --errors) {
      slabs[random.below(slabs.size())] ^= static_cast<std::byte>(1 + random.below(255));
    }
    std::uint64_t expected = 0;
    ASSERT_EQ(kernels::page_verify(slabs, grid, pages, pages, 5, &expected), kernels::Status::ok);
    const DeviceArray<std::byte> device_slabs(slabs);
    const DeviceArray<std::uint32_t> device_pages(pages);
    expect_ok(kernels::cuda::page_verify(device_slabs.data(), grid, device_pages.data(), device_pages.data(),
                                         static_cast<std::uint32_t>(pages.size()), 5, first_wrong.data(),
                                         nullptr));
    ASSERT_EQ(first_wrong.read().front(), expected) << "page of " << grid.page_bytes << " bytes";
  }
}

TEST_F(CudaPage, MovesAreTheReferencesAndTouchNoOtherPage) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 15; ++repetition) {
    const PageGrid grid = any_grid(random);
    std::vector<std::byte> slabs(4 * grid.slab_bytes);
    const std::vector<std::uint32_t> pages = shuffled_pages(random, grid, 4);
    ASSERT_EQ(kernels::page_fill(slabs, grid, pages, pages, random.next()), kernels::Status::ok);
    std::vector<PageMove> moves(1 + random.below(pages.size() / 2));
    for (std::size_t i = 0; i < moves.size(); ++i) moves[i] = {pages[2 * i], pages[2 * i + 1]};
    const DeviceArray<std::byte> device_slabs(slabs);
    const DeviceArray<PageMove> device_moves(moves);
    expect_ok(kernels::cuda::page_move(device_slabs.data(), grid, device_moves.data(),
                                       static_cast<std::uint32_t>(moves.size()), nullptr));
    ASSERT_EQ(kernels::page_move(slabs, grid, moves), kernels::Status::ok);
    ASSERT_EQ(device_slabs.read(), slabs);
  }
}

TEST_F(CudaPage, RefusesWhatItCannotDo) {
  const DeviceArray<std::byte> slabs(4096);
  const DeviceArray<std::uint32_t> list(4);
  const DeviceArray<std::uint64_t> wrong(1);
  const DeviceArray<PageMove> moves(1);
  const PageGrid grid{.slab_bytes = 1024, .pages_per_slab = 2, .page_bytes = 512};
  const PageGrid uneven{.slab_bytes = 1024, .pages_per_slab = 2, .page_bytes = 500};
  using namespace kernels::cuda;
  const auto fill = [&](void* at, const PageGrid& shape, const std::uint32_t* pages, std::uint32_t count) {
    return page_fill(at, shape, pages, list.data(), count, 0, nullptr);
  };
  EXPECT_EQ(fill(nullptr, grid, list.data(), 1), cudaErrorInvalidValue);
  EXPECT_EQ(fill(slabs.data() + 8, grid, list.data(), 1), cudaErrorInvalidValue);
  EXPECT_EQ(fill(slabs.data(), uneven, list.data(), 1), cudaErrorInvalidValue);
  EXPECT_EQ(fill(slabs.data(), grid, nullptr, 1), cudaErrorInvalidValue);
  EXPECT_EQ(fill(slabs.data(), grid, list.data(), 0x80000000U), cudaErrorInvalidValue);
  expect_ok(fill(nullptr, uneven, nullptr, 0));
  EXPECT_EQ(page_move(slabs.data(), grid, nullptr, 1, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(page_move(slabs.data(), uneven, moves.data(), 1, nullptr), cudaErrorInvalidValue);
  expect_ok(page_move(nullptr, grid, nullptr, 0, nullptr));
  EXPECT_EQ(page_verify(slabs.data(), grid, list.data(), list.data(), 1, 0, nullptr, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(page_verify(slabs.data(), grid, nullptr, list.data(), 1, 0, wrong.data(), nullptr),
            cudaErrorInvalidValue);
  expect_ok(page_verify(nullptr, grid, nullptr, nullptr, 0, 0, wrong.data(), nullptr));
  EXPECT_EQ(wrong.read().front(), kernels::no_wrong_byte);
}

}  // namespace
}  // namespace prophet::kernels_test
