// An expert computed in parts: every value once, and the same bits whoever computes which part and when.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "kernels/expert_ffn.hpp"
#include "kernels/expert_ffn_formats.hpp"
#include "tests/kernels/expert_case.hpp"

namespace prophet::kernels {
namespace {

using testing::fresh_seed;
using testing::random_floats;

TEST(RowParts, CoverEveryRowOnceAndBeginOnWholeLines) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 1000; ++repetition) {
    const std::size_t rows = random.below(20'000);
    const RowParts parts(rows, random.below(1U << random.below(22)));
    std::size_t covered = 0;
    for (std::size_t part = 0; part < parts.count(); ++part) {
      ASSERT_EQ(parts.first(part), covered);
      ASSERT_EQ(parts.first(part) % 16, 0U);
      ASSERT_GT(parts.end(part), covered);
      covered = parts.end(part);
    }
    ASSERT_EQ(covered, rows);
  }
}

/// The last part first.
class Backwards final : public PartRunner {
 public:
  void run(std::size_t count, const Part& part) noexcept override {
    parts += count;
    for (std::size_t i = count; i != 0; --i) part(i - 1);
  }
  std::size_t parts = 0;
};

/// Every part by a thread of its own.
class AllAtOnce final : public PartRunner {
 public:
  void run(std::size_t count, const Part& part) noexcept override {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([&part, i] { part(i); });
    for (std::thread& thread : threads) thread.join();
  }
};

TEST(ExpertParts, OfFp32HaveTheSameBitsWhoeverComputesThem) {
  Random random(fresh_seed());
  for (const std::size_t rows_asked : {1UL, 2UL, 5UL}) {
    const auto width = static_cast<std::uint32_t>(100 + random.below(300));
    const auto hidden_size = static_cast<std::uint32_t>(600 + random.below(200));
    SCOPED_TRACE(::testing::Message()
                 << rows_asked << " rows, width " << width << ", hidden " << hidden_size);
    const std::vector<float> values = random_floats(random, std::size_t{3} * width * hidden_size);
    const testing::PlacedFloats slab(values, 0);
    const std::vector<float> hidden = random_floats(random, std::size_t{6} * hidden_size);
    std::vector<std::uint32_t> rows(rows_asked);
    for (auto& row : rows) row = static_cast<std::uint32_t>(random.below(6));
    const ExpertMatrices expert = expert_matrices(slab.data(), values.size() * sizeof(float), hidden_size);
    const auto computed = [&](PartRunner& runner) {
      const std::vector<float> blank(expert_workspace_floats(rows.size(), width, hidden_size));
      const testing::PlacedFloats workspace(blank, 0);
      std::vector<float> output(rows.size() * hidden_size);
      EXPECT_EQ(expert_ffn(expert, hidden.data(), 6, rows, output.data(), workspace.data(), runner),
                Status::ok);
      return output;
    };
    OneByOne here;
    Backwards backwards;
    AllAtOnce all_at_once;
    const std::vector<float> expected = computed(here);
    EXPECT_EQ(computed(backwards), expected);
    EXPECT_EQ(computed(all_at_once), expected);
    EXPECT_GE(backwards.parts, 5U) << "too small an expert shows nothing";
  }
}

TEST(ExpertParts, OfEveryFormatHaveTheSameBitsWhoeverComputesThem) {
  Random random(fresh_seed());
  for (const ExpertFormat format : testing::expert_formats) {
    ExpertShape shape{.format = format, .hidden_size = 1056, .width = 608};
    shape.has_bias = random.below(2) == 0;
    shape.interleaved = random.below(2) == 0;
    SCOPED_TRACE(format_info(format).name);
    const SlabLayout layout = testing::layout_of(shape);
    const testing::RandomExpert expert(random, layout);
    const std::vector<float> hidden = random_floats(random, std::size_t{3} * shape.hidden_size);
    const std::vector<std::uint32_t> rows{2, 0};
    const auto computed = [&](PartRunner& runner) {
      std::vector<float> output(rows.size() * shape.hidden_size);
      std::vector<float> inner(rows.size() * shape.width);
      EXPECT_EQ(expert_ffn_formats(layout, ExpertActivation::swiglu, expert.slab.data(), hidden.data(), 3,
                                   rows, output.data(), inner.data(), runner),
                Status::ok);
      return output;
    };
    OneByOne here;
    Backwards backwards;
    AllAtOnce all_at_once;
    const std::vector<float> expected = computed(here);
    EXPECT_EQ(computed(backwards), expected);
    EXPECT_EQ(computed(all_at_once), expected);
    EXPECT_GE(backwards.parts, 8U) << "too small an expert shows nothing";
  }
}

}  // namespace
}  // namespace prophet::kernels
