#include "kernels/embed.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/kernels/float_arrays.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels {
namespace {

using testing::float_formats;
using testing::fresh_seed;
using testing::random_floats;
using testing::rounded;
using testing::stored;

TEST(Embed, CopiesTheRowOfEveryIdExactly) {
  Random random(fresh_seed());
  for (const FloatFormat format : float_formats) {
    const std::vector<float> values = random_floats(random, 5 * 7);
    const std::vector<std::byte> table = stored(values, format);
    const std::vector<float> expected = rounded(values, format);
    const std::vector<std::uint32_t> ids = {4, 0, 4, 2};
    std::vector<float> output(ids.size() * 7);
    ASSERT_EQ(embed({{table.data(), format, 5, 7}, ids.data(), output.data(), 4}), Status::ok);
    for (std::size_t i = 0; i < output.size(); ++i) EXPECT_EQ(output[i], expected[ids[i / 7] * 7 + i % 7]);
  }
}

TEST(Embed, AnIdThatTheTableHasNotShowsAsNotANumber) {
  const std::vector<float> table(2 * 3, 1);
  const std::vector<std::uint32_t> ids = {1, 2, 0xFFFFFFFFU};
  std::vector<float> output(9);
  ASSERT_EQ(embed({{table.data(), FloatFormat::fp32, 2, 3}, ids.data(), output.data(), 3}), Status::ok);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(std::isnan(output[i]), i >= 3) << i;
}

TEST(Embed, RefusesShapesAndNullPointersAndWritesNothing) {
  const std::vector<float> table(6, 1);
  const std::vector<std::uint32_t> ids = {0};
  std::vector<float> output(3, 5);
  const Embedding sound{{table.data(), FloatFormat::fp32, 2, 3}, ids.data(), output.data(), 1};
  const auto with = [&](auto change) {
    Embedding call = sound;
    change(call);
    return embed(call);
  };
  EXPECT_EQ(with([](Embedding& c) { c.table.rows = 0; }), Status::bad_shape);
  EXPECT_EQ(with([](Embedding& c) { c.table.columns = 0; }), Status::bad_shape);
  EXPECT_EQ(with([](Embedding& c) { c.table.rows = weights_dimension_max + 1; }), Status::bad_shape);
  EXPECT_EQ(with([](Embedding& c) { c.table.format = FloatFormat{3}; }), Status::bad_shape);
  EXPECT_EQ(with([](Embedding& c) { c.table.data = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](Embedding& c) { c.ids = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](Embedding& c) { c.output = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](Embedding& c) { c.tokens = 0, c.ids = nullptr; }), Status::ok);
  EXPECT_EQ(output, std::vector<float>(3, 5));
}

}  // namespace
}  // namespace prophet::kernels
