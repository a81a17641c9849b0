#include "kernels/combine.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "tests/kernels/numbers.hpp"

namespace prophet::kernels {
namespace {

using testing::fresh_seed;
using testing::random_floats;

std::vector<double> naive_row(const float* hidden, const std::vector<float>& outputs,
                              const std::uint32_t* slots, std::uint32_t top_k, std::size_t width) {
  std::vector<double> row(hidden, hidden + width);
  double squares = 0;
  for (std::size_t i = 0; i < width; ++i) {
    double sum = 0;
    for (std::uint32_t r = 0; r < top_k; ++r) sum += outputs[slots[r] * width + i];
    if (top_k != 0) row[i] += sum / top_k;
    squares += row[i] * row[i];
  }
  const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + 1e-6);
  for (double& value : row) value *= scale;
  return row;
}

TEST(Combine, EqualsThePlainLoopsAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 60; ++repetition) {
    const auto width = static_cast<std::uint32_t>(1 + random.below(200));
    const auto tokens = static_cast<std::uint32_t>(random.below(5));
    const auto top_k = static_cast<std::uint32_t>(random.below(5));
    const std::uint64_t output_rows = tokens * top_k + 2;
    SCOPED_TRACE(::testing::Message() << tokens << " tokens, top " << top_k << ", width " << width);
    const std::vector<float> before = random_floats(random, tokens * width);
    const std::vector<float> outputs = random_floats(random, output_rows * width);
    std::vector<std::uint32_t> slots(tokens * top_k);
    for (auto& slot : slots) slot = static_cast<std::uint32_t>(random.below(output_rows));
    std::vector<float> hidden = before;
    ASSERT_EQ(combine(hidden.data(), outputs.data(), output_rows, slots, tokens, top_k, width), Status::ok);
    for (std::size_t t = 0; t < tokens; ++t) {
      const auto expected =
          naive_row(before.data() + t * width, outputs, slots.data() + t * top_k, top_k, width);
      for (std::size_t i = 0; i < width; ++i) ASSERT_NEAR(hidden[t * width + i], expected[i], 1e-4);
    }
  }
}

TEST(Combine, DoesNotDependOnTheOrderInWhichExpertsArrived) {
  Random random(fresh_seed());
  constexpr std::uint32_t width = 100;
  const std::vector<float> before = random_floats(random, width);
  std::vector<float> outputs = random_floats(random, 3 * width);
  std::vector<float> hidden = before;
  ASSERT_EQ(combine(hidden.data(), outputs.data(), 3, std::vector<std::uint32_t>{0, 1, 2}, 1, 3, width),
            Status::ok);
  std::vector<float> other = before;
  for (std::size_t i = 0; i < width; ++i) std::swap(outputs[i], outputs[2 * width + i]);
  ASSERT_EQ(combine(other.data(), outputs.data(), 3, std::vector<std::uint32_t>{2, 1, 0}, 1, 3, width),
            Status::ok);
  EXPECT_EQ(other, hidden);
}

TEST(Combine, RefusesWhatItCannotDoAndWritesNothing) {
  std::vector<float> hidden = {3, 4};
  const std::vector<float> outputs = {1, 2};
  const std::vector<std::uint32_t> outside = {1};
  EXPECT_EQ(combine(hidden.data(), outputs.data(), 1, outside, 1, 1, 2), Status::index_out_of_range);
  EXPECT_EQ(combine(hidden.data(), outputs.data(), 1, outside, 1, 2, 2), Status::bad_shape);
  EXPECT_EQ(combine(hidden.data(), outputs.data(), 1, {}, 1, 0, 0), Status::bad_shape);
  EXPECT_EQ(combine(hidden.data(), nullptr, 2, outside, 1, 1, 2), Status::null_pointer);
  EXPECT_EQ(hidden, (std::vector<float>{3, 4}));
}

}  // namespace
}  // namespace prophet::kernels
