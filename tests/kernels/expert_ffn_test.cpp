#include "kernels/expert_ffn.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels/numbers.hpp"

namespace prophet::kernels {
namespace {

using testing::fresh_seed;
using testing::random_floats;

std::vector<double> naive_row(const ExpertMatrices& expert, const float* x) {
  const std::size_t hidden = expert.hidden_size;
  std::vector<double> inner(expert.width);
  for (std::size_t w = 0; w < expert.width; ++w) {
    double gate = 0;
    double up = 0;
    for (std::size_t i = 0; i < hidden; ++i) {
      gate += static_cast<double>(expert.gate[w * hidden + i]) * x[i];
      up += static_cast<double>(expert.up[w * hidden + i]) * x[i];
    }
    inner[w] = gate / (1 + std::exp(-gate)) * up;
  }
  std::vector<double> out(hidden);
  for (std::size_t i = 0; i < hidden; ++i) {
    for (std::size_t w = 0; w < expert.width; ++w) {
      out[i] += static_cast<double>(expert.down[i * expert.width + w]) * inner[w];
    }
  }
  return out;
}

std::vector<float> run(const float* slab, std::size_t slab_bytes, std::uint32_t hidden_size,
                       const std::vector<float>& hidden, const std::vector<std::uint32_t>& rows,
                       std::size_t output_distance_bytes = 0) {
  const ExpertMatrices expert = expert_matrices(slab, slab_bytes, hidden_size);
  const std::vector<float> blank(rows.size() * hidden_size);
  const testing::PlacedFloats output(blank, output_distance_bytes);
  const std::vector<float> blank_workspace(expert_workspace_floats(rows.size(), expert.width, hidden_size));
  const testing::PlacedFloats workspace(blank_workspace, 0);
  const auto tokens = static_cast<std::uint32_t>(hidden.size() / hidden_size);
  EXPECT_EQ(expert_ffn(expert, hidden.data(), tokens, rows, output.data(), workspace.data()), Status::ok);
  return {output.data(), output.data() + blank.size()};
}

TEST(ExpertFfn, EqualsThePlainLoopsAtAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 40; ++repetition) {
    const auto width = static_cast<std::uint32_t>(1 + random.below(40));
    const auto hidden_size = static_cast<std::uint32_t>(1 + random.below(50));
    const std::size_t padding = random.below(3 * hidden_size);
    const std::vector<float> slab = random_floats(random, 3 * width * hidden_size + padding);
    const std::vector<float> hidden = random_floats(random, 6 * hidden_size);
    std::vector<std::uint32_t> rows(1 + random.below(6));
    for (auto& row : rows) row = static_cast<std::uint32_t>(random.below(6));
    SCOPED_TRACE(::testing::Message()
                 << rows.size() << " rows, width " << width << ", hidden " << hidden_size);

    const std::size_t slab_bytes = slab.size() * sizeof(float);
    const std::vector<float> output = run(slab.data(), slab_bytes, hidden_size, hidden, rows);
    const ExpertMatrices expert = expert_matrices(slab.data(), slab_bytes, hidden_size);
    ASSERT_EQ(expert.width, width);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const std::vector<double> expected = naive_row(expert, hidden.data() + rows[r] * hidden_size);
      for (std::size_t i = 0; i < hidden_size; ++i) {
        ASSERT_NEAR(output[r * hidden_size + i], expected[i], 1e-3 * (1 + std::abs(expected[i])));
      }
    }
  }
}

TEST(ExpertFfn, GivesTheSameBitsInWhicheverSlabAndSlot) {
  Random random(fresh_seed());
  constexpr std::uint32_t hidden_size = 90;
  const std::vector<float> values = random_floats(random, 3 * 60 * hidden_size);
  const std::vector<float> hidden = random_floats(random, 4 * hidden_size);
  for (const std::vector<std::uint32_t>& rows :
       {std::vector<std::uint32_t>{2}, std::vector<std::uint32_t>{0, 1, 3}}) {
    std::vector<float> first;
    for (const std::size_t slab : {0U, 1U, 7U, 0U}) {
      const testing::PlacedFloats placed(values, 256 * slab);
      const std::vector<float> output =
          run(placed.data(), values.size() * sizeof(float), hidden_size, hidden, rows, slab * 360);
      if (first.empty()) first = output;
      EXPECT_EQ(output, first) << "slab " << slab;
    }
  }
}

TEST(ExpertFfn, RefusesWhatItCannotDoAndWritesNothing) {
  const std::vector<float> slab(12, 1.0F);
  const std::vector<float> hidden(4, 1.0F);
  std::vector<float> output(2, 9.0F);
  std::vector<float> workspace(100);
  const std::vector<std::uint32_t> outside = {2};
  const std::vector<std::uint32_t> inside = {1};
  const ExpertMatrices expert = expert_matrices(slab.data(), 48, 2);
  const ExpertMatrices empty = expert_matrices(slab.data(), 20, 2);
  const auto call = [&](const ExpertMatrices& with, const std::vector<std::uint32_t>& rows, float* out) {
    return expert_ffn(with, hidden.data(), 2, rows, out, workspace.data());
  };
  EXPECT_EQ(call(expert, outside, output.data()), Status::index_out_of_range);
  EXPECT_EQ(call(empty, inside, output.data()), Status::bad_shape);
  EXPECT_EQ(call(expert, inside, nullptr), Status::null_pointer);
  EXPECT_EQ(call(expert, {}, output.data()), Status::ok);
  EXPECT_EQ(output, (std::vector<float>{9, 9}));
}

}  // namespace
}  // namespace prophet::kernels
