#include "kernels/kv_append.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace prophet::kernels {
namespace {

/// Two sequences of two pages each, two tokens a page, one head of 8 numbers.
struct SmallCache {
  alignas(16) std::array<std::byte, 4 * 64> memory{};
  std::array<std::uint32_t, 4> table{3, 0, 1, 2};

  KvPages view() {
    return {.base = memory.data(),
            .grid = {.slab_bytes = 64, .pages_per_slab = 1, .page_bytes = 64},
            .pages = 4,
            .page_tokens = 2,
            .format = FloatFormat::bf16,
            .sequences = 2,
            .pages_max = 2,
            .block_table = table.data()};
  }
  float value(std::uint32_t page, std::uint32_t index) {
    return load_as_float(memory.data() + page * 64, index, FloatFormat::bf16);
  }
};

struct alignas(16) Rows {
  std::array<float, 8> first;
  std::array<float, 8> second;
};

TEST(KvAppend, FindsTheRowThroughTheBlockTable) {
  SmallCache cache;
  const Rows k{{1, 2, 3, 4, 5, 6, 7, 8}, {-1, -2, -3, -4, -5, -6, -7, -8}};
  const Rows v{{10, 20, 30, 40, 50, 60, 70, 80}, {9, 9, 9, 9, 9, 9, 9, 9}};
  const std::array<std::uint32_t, 2> positions{1, 2};
  const std::array<std::uint32_t, 2> sequence_of{0, 1};
  // Page size 64 bytes: K of two tokens (32 bytes), then V.
  ASSERT_EQ(kv_append(cache.view(), {.k = &k,
                                     .v = &v,
                                     .tokens = 2,
                                     .kv_heads = 1,
                                     .head_dim = 8,
                                     .positions = positions.data(),
                                     .sequence_of = sequence_of.data()}),
            Status::ok);
  for (std::uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(cache.value(3, 8 + i), k.first[i]);  // sequence 0, page 0 of its table, row 1
    EXPECT_EQ(cache.value(3, 24 + i), v.first[i]);
    EXPECT_EQ(cache.value(2, i), k.second[i]);  // sequence 1, page 1 of its table, row 0
    EXPECT_EQ(cache.value(2, 16 + i), v.second[i]);
    EXPECT_EQ(cache.value(0, i), 0.0F);
  }
}

TEST(KvAppend, LeavesOutTokensWithoutAPlace) {
  SmallCache cache;
  cache.table[1] = 4;
  const std::array<std::uint32_t, 3> positions{0, 4, 2};
  const std::array<std::uint32_t, 3> sequence_of{2, 1, 0};
  const std::vector<float> ones(3 * 8, 1.0F);
  ASSERT_EQ(latent_append(cache.view(), {.rows = ones.data(),
                                         .tokens = 3,
                                         .row_dim = 8,
                                         .positions = positions.data(),
                                         .sequence_of = sequence_of.data()}),
            Status::ok);
  for (const std::byte byte : cache.memory) EXPECT_EQ(byte, std::byte{0});
}

TEST(KvAppend, RoundsToTheNearestAndTiesToEven) {
  SmallCache cache;
  const Rows rows{{1.0F + 0x1p-8F, 1.0F + 0x3p-8F, 1.0F + 0x1p-9F, -2.5F, -0.0F, 0x1p-133F, 1e-45F, 65504.0F},
                  {}};
  const std::array<std::uint32_t, 1> zero{0};
  LatentRows latent{
      .rows = &rows, .tokens = 1, .row_dim = 8, .positions = zero.data(), .sequence_of = zero.data()};
  ASSERT_EQ(latent_append(cache.view(), latent), Status::ok);
  EXPECT_EQ(cache.value(3, 0), 1.0F);
  EXPECT_EQ(cache.value(3, 1), 1.0F + 0x4p-8F);
  EXPECT_EQ(cache.value(3, 2), 1.0F);
  EXPECT_EQ(cache.value(3, 3), -2.5F);
  EXPECT_EQ(cache.value(3, 5), 0x1p-133F);
  EXPECT_EQ(cache.value(3, 6), 0.0F);
  latent.row_dim = 9;
  EXPECT_EQ(latent_append(cache.view(), latent), Status::bad_shape);
}

}  // namespace
}  // namespace prophet::kernels
