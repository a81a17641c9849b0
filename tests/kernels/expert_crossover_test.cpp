#include "kernels/expert_crossover.hpp"

#include <gtest/gtest.h>

#include "tests/kernels/expert_case.hpp"

namespace prophet::kernels {
namespace {

constexpr ExpertRates rates{
    .memory_bytes_per_s = 3e12, .matrix_flops_per_s = 700e12, .vector_flops_per_s = 60e12};

TEST(ExpertCrossover, StandsWhereTheRooflinesCross) {
  for (const ExpertFormat format : testing::expert_formats) {
    const std::uint32_t rows = expert_ffn_crossover_rows(format, rates);
    SCOPED_TRACE(::testing::Message() << format_info(format).name << " at " << rows);
    ASSERT_GT(rows, few_token_rows);
    ASSERT_LT(rows, crossover_rows_max);
    EXPECT_LT(many_token_weight_s(format, rows, rates), few_token_weight_s(format, rows, rates));
    EXPECT_GE(many_token_weight_s(format, rows - 1, rates), few_token_weight_s(format, rows - 1, rates));
  }
}

TEST(ExpertCrossover, UnwrittenFormatsCrossWithTheSecondPassAndFourBitsLater) {
  EXPECT_EQ(expert_ffn_crossover_rows(ExpertFormat::bf16, rates), few_token_rows + 1);
  EXPECT_GT(expert_ffn_crossover_rows(ExpertFormat::mxfp4, rates), 3 * few_token_rows);
}

TEST(ExpertCrossover, WithoutRatesEverythingGoesToTheLibrary) {
  EXPECT_EQ(expert_ffn_crossover_rows(ExpertFormat::bf16, {}), 1U);
}

}  // namespace
}  // namespace prophet::kernels
