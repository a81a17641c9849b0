#include "kernels/linear.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "tests/kernels/float_arrays.hpp"
#include "tests/kernels/numbers.hpp"
#include "tests/kernels/plain_products.hpp"

namespace prophet::kernels {
namespace {

using testing::dot_plainly;
using testing::float_formats;
using testing::fresh_seed;
using testing::random_floats;
using testing::rounded;
using testing::stored;

/// A projection of random weights and the values that it has after rounding.
struct Projection {
  Projection(Random& random, FloatFormat of, std::uint32_t row_count, std::uint32_t column_count)
      : format(of),
        rows(row_count),
        columns(column_count),
        matrix(random_floats(random, std::size_t{rows} * columns)),
        bias(random_floats(random, rows)),
        matrix_there(stored(matrix, format)),
        bias_there(stored(bias, format)) {
    matrix = rounded(matrix, format);
    bias = rounded(bias, format);
  }
  [[nodiscard]] Linear call(const float* input, float* output, std::uint32_t tokens) const {
    return {.weights = {matrix_there.data(), format, rows, columns},
            .bias = bias_there.data(),
            .input = input,
            .output = output,
            .tokens = tokens};
  }

  FloatFormat format;
  std::uint32_t rows, columns;
  std::vector<float> matrix, bias;
  std::vector<std::byte> matrix_there, bias_there;
};

std::uint32_t draw(Random& random, std::uint32_t most) {
  return static_cast<std::uint32_t>(1 + random.below(most));
}

TEST(Linear, IsTheProductInFp64ButForRounding) {
  Random random(fresh_seed());
  for (const FloatFormat format : float_formats) {
    const Projection projection(random, format, draw(random, 40), draw(random, 600));
    const std::uint32_t tokens = draw(random, 9);
    const std::vector<float> input = random_floats(random, std::size_t{tokens} * projection.columns);
    std::vector<float> output(std::size_t{tokens} * projection.rows);
    ASSERT_EQ(linear(projection.call(input.data(), output.data(), tokens)), Status::ok);
    for (std::size_t i = 0; i < output.size(); ++i) {
      const std::size_t row = i % projection.rows;
      double expected = projection.bias[row];
      for (std::size_t c = 0; c < projection.columns; ++c) {
        expected += double{projection.matrix[row * projection.columns + c]} *
                    input[i / projection.rows * projection.columns + c];
      }
      EXPECT_NEAR(output[i], expected, 1e-5 * std::sqrt(projection.columns));
    }
  }
}

/// Numbers of all sizes, so that another order of a sum shows; also ones whose products are subnormal.
std::vector<float> rugged_floats(Random& random, std::size_t count) {
  std::vector<float> values = random_floats(random, count);
  for (float& value : values) {
    value = std::ldexp(value, static_cast<int>(random.below(30)) - 15);
    if (random.chance(0.05)) value = std::ldexp(value, -75);
    if (random.chance(0.05)) value = random.chance(0.5) ? 0.0F : -0.0F;
  }
  return values;
}

TEST(Linear, HasTheBitsOfTheOrderThatItStatesAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 120; ++repetition) {
    const FloatFormat format = float_formats[random.below(3)];
    const Projection projection(random, format, draw(random, 30), draw(random, 900));
    const std::uint32_t tokens = draw(random, random.chance(0.2) ? 70 : 6);
    const std::vector<float> input = rugged_floats(random, std::size_t{tokens} * projection.columns);
    const std::vector<float> before = random_floats(random, std::size_t{tokens} * projection.rows);
    std::vector<float> output = before;
    Linear call = projection.call(input.data(), output.data(), tokens);
    call.accumulate = random.chance(0.5);
    if (random.chance(0.3)) call.bias = nullptr;
    ASSERT_EQ(linear(call), Status::ok);
    for (std::size_t i = 0; i < output.size(); ++i) {
      const std::size_t row = i % projection.rows;
      const float* const x = input.data() + i / projection.rows * projection.columns;
      const float product =
          dot_plainly(call.weights, row, x) + (call.bias == nullptr ? 0.0F : projection.bias[row]);
      const float expected = call.accumulate ? before[i] + product : product;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(output[i]), std::bit_cast<std::uint32_t>(expected))
          << "[" << i / projection.rows << ", " << row << "] of " << tokens << " x " << projection.rows
          << " x " << projection.columns << " format " << static_cast<int>(format);
    }
  }
}

TEST(Linear, ATokenDependsOnNoOther) {
  Random random(fresh_seed());
  for (const FloatFormat format : float_formats) {
    const Projection projection(random, format, 33, draw(random, 300));
    const std::uint32_t tokens = 37;
    const std::vector<float> input = random_floats(random, std::size_t{tokens} * projection.columns);
    std::vector<float> together(std::size_t{tokens} * projection.rows);
    ASSERT_EQ(linear(projection.call(input.data(), together.data(), tokens)), Status::ok);
    std::vector<float> alone(together.size());
    for (std::size_t t = 0; t < tokens; ++t) {
      ASSERT_EQ(linear(projection.call(input.data() + t * projection.columns,
                                       alone.data() + t * projection.rows, 1)),
                Status::ok);
    }
    EXPECT_EQ(alone, together);
  }
}

TEST(Linear, RefusesShapesAndNullPointersAndWritesNothing) {
  const std::vector<float> values(12, 1);
  std::vector<float> output(4, 5);
  const Linear sound{.weights = {values.data(), FloatFormat::fp32, 4, 3},
                     .input = values.data(),
                     .output = output.data(),
                     .tokens = 1};
  const auto with = [&](auto change) {
    Linear call = sound;
    change(call);
    return linear(call);
  };
  EXPECT_EQ(with([](Linear& c) { c.weights.rows = 0; }), Status::bad_shape);
  EXPECT_EQ(with([](Linear& c) { c.weights.columns = 0; }), Status::bad_shape);
  EXPECT_EQ(with([](Linear& c) { c.weights.columns = weights_dimension_max + 1; }), Status::bad_shape);
  EXPECT_EQ(with([](Linear& c) { c.weights.format = FloatFormat{9}; }), Status::bad_shape);
  EXPECT_EQ(with([](Linear& c) { c.weights.data = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](Linear& c) { c.input = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](Linear& c) { c.output = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](Linear& c) { c.tokens = 0, c.input = nullptr; }), Status::ok);
  EXPECT_EQ(output, std::vector<float>(4, 5));
}

}  // namespace
}  // namespace prophet::kernels
