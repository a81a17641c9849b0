#include "kernels/dense.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels/numbers.hpp"

namespace prophet::kernels {
namespace {

using testing::fresh_seed;
using testing::random_floats;

std::vector<float> naive(std::vector<float> hidden, const std::vector<float>& weights, std::size_t tokens,
                         std::size_t rows, std::size_t width) {
  const std::vector<float> input = hidden;
  for (std::size_t t = 0; t < tokens; ++t) {
    std::vector<double> folded(width);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t i = 0; i < width; ++i) {
        folded[r % width] += static_cast<double>(input[t * width + i]) * weights[r * width + i];
      }
    }
    for (std::size_t j = 0; j < width; ++j) {
      hidden[t * width + j] += static_cast<float>(folded[j] / std::sqrt(static_cast<double>(rows)));
    }
  }
  return hidden;
}

TEST(Dense, EqualsThePlainLoopsAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 40; ++repetition) {
    const auto width = static_cast<std::uint32_t>(1 + random.below(70));
    const auto tokens = static_cast<std::uint32_t>(1 + random.below(5));
    const std::uint64_t rows = 1 + random.below(4 * width);
    SCOPED_TRACE(::testing::Message() << tokens << " tokens, " << rows << " rows, width " << width);
    std::vector<float> hidden = random_floats(random, tokens * width);
    const std::vector<float> weights = random_floats(random, rows * width);
    const std::vector<float> expected = naive(hidden, weights, tokens, rows, width);
    std::vector<float> workspace(dense_workspace_floats(tokens, width), 7.0F);
    ASSERT_EQ(dense(hidden.data(), weights.data(), tokens, rows, width, workspace.data()), Status::ok);
    for (std::size_t i = 0; i < hidden.size(); ++i) ASSERT_NEAR(hidden[i], expected[i], 1e-4) << i;
  }
}

TEST(Dense, EveryWeightCounts) {
  Random random(fresh_seed());
  const std::vector<float> start = random_floats(random, 8);
  const std::vector<float> weights = random_floats(random, 8 * 19);
  const auto run = [&](const std::vector<float>& used) {
    std::vector<float> hidden = start;
    std::vector<float> workspace(8);
    EXPECT_EQ(dense(hidden.data(), used.data(), 1, 19, 8, workspace.data()), Status::ok);
    return hidden;
  };
  const std::vector<float> base = run(weights);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    std::vector<float> changed = weights;
    changed[i] += 1000;
    EXPECT_NE(run(changed), base) << "weight " << i;
  }
}

TEST(Dense, GivesTheSameBitsWheneverAndWhereverItRuns) {
  Random random(fresh_seed());
  constexpr std::uint32_t tokens = 3;
  constexpr std::uint32_t width = 100;
  constexpr std::uint64_t rows = 333;
  const std::vector<float> start = random_floats(random, tokens * width);
  const std::vector<float> weights = random_floats(random, rows * width);
  std::vector<float> first;
  for (const std::size_t distance : {0U, 256U, 1024U, 0U}) {
    const testing::PlacedFloats placed(weights, distance);
    const testing::PlacedFloats hidden(start, 2 * distance);
    const testing::PlacedFloats workspace(start, distance);
    ASSERT_EQ(dense(hidden.data(), placed.data(), tokens, rows, width, workspace.data()), Status::ok);
    const std::vector<float> result(hidden.data(), hidden.data() + tokens * width);
    if (first.empty()) first = result;
    EXPECT_EQ(result, first) << "weights " << distance << " bytes further";
  }
}

TEST(Dense, RefusesShapesItCannotDoAndWritesNothing) {
  std::vector<float> hidden = {1, 2};
  std::vector<float> workspace(2);
  EXPECT_EQ(dense(hidden.data(), hidden.data(), 1, 1, 0, workspace.data()), Status::bad_shape);
  EXPECT_EQ(dense(hidden.data(), nullptr, 1, 1, 2, workspace.data()), Status::null_pointer);
  EXPECT_EQ(dense(hidden.data(), nullptr, 1, 0, 2, workspace.data()), Status::ok);
  EXPECT_EQ(dense(nullptr, nullptr, 0, 5, 2, nullptr), Status::ok);
  EXPECT_EQ(hidden, (std::vector<float>{1, 2}));
}

}  // namespace
}  // namespace prophet::kernels
