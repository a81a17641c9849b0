#include "kernels/rms_norm.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
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

RmsNorm call_of(const std::vector<float>& input, std::vector<float>& output, const void* weight,
                FloatFormat format, std::uint32_t columns) {
  return {.input = input.data(),
          .output = output.data(),
          .weight = weight,
          .format = format,
          .rows = static_cast<std::uint32_t>(input.size() / columns),
          .columns = columns,
          .epsilon = 1e-5F};
}

TEST(RmsNorm, IsTheFormulaInFp64ButForRounding) {
  Random random(fresh_seed());
  for (const FloatFormat format : float_formats) {
    const auto columns = static_cast<std::uint32_t>(1 + random.below(300));
    const std::vector<float> input = random_floats(random, 3 * columns);
    const std::vector<float> weight = random_floats(random, columns);
    const std::vector<std::byte> there = stored(weight, format);
    const std::vector<float> read = rounded(weight, format);
    std::vector<float> output(input.size());
    ASSERT_EQ(rms_norm(call_of(input, output, there.data(), format, columns)), Status::ok);
    for (std::size_t i = 0; i < input.size(); ++i) {
      double squares = 0;
      const std::size_t row = i / columns * columns;
      for (std::size_t k = row; k < row + columns; ++k) squares += double{input[k]} * input[k];
      const double expected = read[i % columns] * input[i] / std::sqrt(squares / columns + double{1e-5F});
      EXPECT_NEAR(output[i], expected, 3e-7 * std::abs(expected));
    }
  }
}

TEST(RmsNorm, ARowDependsOnNoOtherAndMayBeInPlace) {
  Random random(fresh_seed());
  const std::uint32_t columns = 96;
  std::vector<float> rows = random_floats(random, 8 * columns);
  const std::vector<float> weight = random_floats(random, columns);
  std::vector<float> together(rows.size());
  ASSERT_EQ(rms_norm(call_of(rows, together, weight.data(), FloatFormat::fp32, columns)), Status::ok);
  for (std::size_t r = 0; r < 8; ++r) {
    const std::vector<float> one(rows.begin() + static_cast<std::ptrdiff_t>(r * columns),
                                 rows.begin() + static_cast<std::ptrdiff_t>((r + 1) * columns));
    std::vector<float> alone(columns);
    ASSERT_EQ(rms_norm(call_of(one, alone, weight.data(), FloatFormat::fp32, columns)), Status::ok);
    for (std::size_t i = 0; i < columns; ++i) EXPECT_EQ(alone[i], together[r * columns + i]);
  }
  ASSERT_EQ(rms_norm(call_of(rows, rows, weight.data(), FloatFormat::fp32, columns)), Status::ok);
  EXPECT_EQ(rows, together);
}

TEST(RmsNorm, RefusesShapesAndNullPointersAndWritesNothing) {
  const std::vector<float> input(8, 1);
  std::vector<float> output(8, 5);
  const RmsNorm sound = call_of(input, output, input.data(), FloatFormat::fp32, 8);
  const auto with = [&](auto change) {
    RmsNorm call = sound;
    change(call);
    return rms_norm(call);
  };
  constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(with([](RmsNorm& c) { c.columns = 0; }), Status::bad_shape);
  EXPECT_EQ(with([](RmsNorm& c) { c.columns = weights_dimension_max + 1; }), Status::bad_shape);
  EXPECT_EQ(with([](RmsNorm& c) { c.format = FloatFormat{3}; }), Status::bad_shape);
  EXPECT_EQ(with([](RmsNorm& c) { c.epsilon = -1e-6F; }), Status::bad_shape);
  EXPECT_EQ(with([](RmsNorm& c) { c.epsilon = not_a_number; }), Status::bad_shape);
  EXPECT_EQ(with([](RmsNorm& c) { c.input = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](RmsNorm& c) { c.output = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](RmsNorm& c) { c.weight = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](RmsNorm& c) { c.rows = 0, c.input = nullptr; }), Status::ok);
  EXPECT_EQ(output, std::vector<float>(8, 5));
}

}  // namespace
}  // namespace prophet::kernels
