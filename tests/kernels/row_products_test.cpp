#include "kernels/row_products.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "kernels/expert_ffn_formats.hpp"
#include "kernels/float_rows.hpp"
#include "tests/kernels/expert_case.hpp"
#include "tests/kernels/float_arrays.hpp"
#include "tests/kernels/numbers.hpp"
#include "tests/kernels/plain_products.hpp"

namespace prophet::kernels {
namespace {

using testing::expert_dot_plainly;
using testing::expert_formats;
using testing::fresh_seed;
using testing::layout_of;
using testing::random_dimension;
using testing::random_floats;
using testing::RandomExpert;

/// The same bits, or two not-a-numbers.
bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

/// Numbers of all sizes, zeros of both signs and some whose products are subnormal.
std::vector<float> rugged_floats(Random& random, std::size_t count) {
  std::vector<float> values = random_floats(random, count);
  for (float& value : values) {
    value = std::ldexp(value, static_cast<int>(random.below(40)) - 20);
    if (random.chance(0.02)) value = std::ldexp(value, -100);
    if (random.chance(0.05)) value = random.chance(0.5) ? 0.0F : -0.0F;
  }
  return values;
}

/// Rows of any bytes: also not-a-numbers, infinities and subnormal codes and scales.
struct AnyRows {
  AnyRows(Random& random, ExpertFormat format, std::uint64_t columns) {
    const std::size_t row_bytes = value_row_bytes(format, columns);
    const std::size_t scale_bytes = scales_in_row(format, columns) * format_info(format).scale_bytes;
    codes.resize(product_rows * row_bytes);
    scales.resize(product_rows * scale_bytes);
    for (std::byte& one : codes) one = static_cast<std::byte>(random.below(256));
    for (std::byte& one : scales) one = static_cast<std::byte>(random.below(256));
    rows = {.format = format, .columns = columns};
    const std::size_t rows_there = 1 + random.below(product_rows);
    for (std::size_t r = 0; r < product_rows; ++r) {
      rows.codes[r] = codes.data() + std::min(r, rows_there - 1) * row_bytes;
      rows.scales[r] = scales.data() + std::min(r, rows_there - 1) * scale_bytes;
    }
  }
  std::vector<std::byte> codes, scales;  // exactly as long as the rows, so that a read beyond is noticed
  CodeRows rows;
};

TEST(RowProducts, ByEightsHaveThePlainBitsForAnyCodesAndTails) {
  if (!has_row_products_by_eights()) GTEST_SKIP() << "this CPU has no AVX2 and FMA";
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 200; ++repetition) {
    const ExpertFormat format = expert_formats[random.below(9)];
    const bool any_length = format_info(format).value_bits >= 16;
    const std::uint64_t columns = any_length ? 1 + random.below(700) : random_dimension(random, format, 2500);
    const AnyRows any(random, format, columns);
    const std::size_t tokens = 1 + random.below(product_tokens);
    std::vector<std::vector<float>> vectors;
    std::vector<const float*> x;
    for (std::size_t t = 0; t < tokens; ++t) vectors.push_back(rugged_floats(random, columns));
    for (const std::vector<float>& one : vectors) x.push_back(one.data());
    ProductSums plain;
    ProductSums eights;
    row_products_plainly(any.rows, x, plain);
    row_products_by_eights(any.rows, x, eights);
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t r = 0; r < product_rows; ++r) {
        ASSERT_TRUE(same(plain.of[t][r], eights.of[t][r]))
            << format_info(format).name << " of " << columns << " columns, token " << t << " of " << tokens
            << ", row " << r << ": " << plain.of[t][r] << " and " << eights.of[t][r];
      }
    }
  }
}

/// Every code and every scale that there is, times 1.
TEST(RowProducts, ByEightsDecodeEveryCodeExactly) {
  if (!has_row_products_by_eights()) GTEST_SKIP() << "this CPU has no AVX2 and FMA";
  for (const ExpertFormat format : expert_formats) {
    if (format == ExpertFormat::fp32) continue;
    const std::uint64_t columns = format_info(format).column_multiple();
    const bool is_16_bits = format_info(format).value_bits == 16;
    for (std::uint32_t code = 0; code < 65536; code += is_16_bits ? 1 : 257) {
      // One value a chunk that is not 0: the sum is it, or with other signs of zero 0.
      std::vector<std::byte> codes(product_rows * 16,
                                   format == ExpertFormat::int4_32 || format == ExpertFormat::int4_128
                                       ? std::byte{0x88}
                                       : std::byte{0});
      std::vector<std::byte> scales(product_rows * 4);
      const auto scale = static_cast<std::uint16_t>(code * 40503U);
      CodeRows rows{.format = format, .columns = columns};
      for (std::size_t r = 0; r < product_rows; ++r) {
        codes[r * 16] = static_cast<std::byte>(code & 255U);
        if (is_16_bits) codes[r * 16 + 1] = static_cast<std::byte>(code >> 8U);
        scales[r * 4] = scales[r * 4 + 2] = static_cast<std::byte>(scale & 255U);
        scales[r * 4 + 1] = scales[r * 4 + 3] = static_cast<std::byte>(scale >> 8U);
        rows.codes[r] = codes.data() + r * 16;
        rows.scales[r] = scales.data() + r * 4;
      }
      const std::vector<float> ones(columns, 1);
      const float* const x = ones.data();
      ProductSums plain;
      ProductSums eights;
      row_products_plainly(rows, {&x, 1}, plain);
      row_products_by_eights(rows, {&x, 1}, eights);
      for (std::size_t r = 0; r < product_rows; ++r)
        ASSERT_TRUE(same(plain.of[0][r], eights.of[0][r])) << format_info(format).name << " code " << code;
    }
  }
}

/// Whole experts in the order that expert_dot() states, value by value.
TEST(RowProducts, ExpertsHaveTheBitsOfTheOrderThatIsStated) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 60; ++repetition) {
    const ExpertFormat format = expert_formats[random.below(9)];
    const bool gated = random.chance(0.7);
    const SlabLayout layout = layout_of({.format = format,
                                         .hidden_size = random_dimension(random, format, 300),
                                         .width = random_dimension(random, format, 200),
                                         .gated = gated,
                                         .has_bias = random.chance(0.5),
                                         .interleaved = gated && random.chance(0.5)});
    const RandomExpert expert(random, layout);
    const std::uint32_t hidden_size = layout.shape.hidden_size;
    const std::uint32_t width = layout.shape.width;
    const std::vector<float> hidden = rugged_floats(random, std::size_t{30} * hidden_size);
    std::vector<std::uint32_t> rows(1 + random.below(25));
    for (std::uint32_t& row : rows) row = static_cast<std::uint32_t>(random.below(30));
    const ExpertActivation activation = gated ? ExpertActivation::swiglu : ExpertActivation::relu;
    std::vector<float> output(rows.size() * hidden_size);
    std::vector<float> inner(rows.size() * width);
    ASSERT_EQ(expert_ffn_formats(layout, activation, expert.slab.data(), hidden.data(), 30, rows,
                                 output.data(), inner.data()),
              Status::ok);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float* const x = hidden.data() + rows[i] * hidden_size;
      for (std::size_t w = 0; w < width; ++w) {
        const float gate = expert_dot_plainly(layout, layout.gate, expert.slab.data(), w, x);
        const float up = gated ? expert_dot_plainly(layout, layout.up, expert.slab.data(), w, x) : 0.0F;
        ASSERT_TRUE(same(inner[i * width + w], activate(activation, gate, up))) << format_info(format).name;
      }
      for (std::size_t h = 0; h < hidden_size; ++h) {
        const float expected =
            expert_dot_plainly(layout, layout.down, expert.slab.data(), h, inner.data() + i * width);
        ASSERT_TRUE(same(output[i * hidden_size + h], expected)) << format_info(format).name;
      }
    }
    EXPECT_EQ(expert_dot(layout, layout.down, expert.slab.data(), hidden_size - 1, inner.data()),
              output[hidden_size - 1]);
  }
}

TEST(RowProducts, ATokenOfAnExpertDependsOnNoOther) {
  Random random(fresh_seed());
  for (const ExpertFormat format : expert_formats) {
    const SlabLayout layout = layout_of({.format = format, .hidden_size = 160, .width = 96});
    const RandomExpert expert(random, layout);
    const std::vector<float> hidden = random_floats(random, 40 * 160);
    std::vector<std::uint32_t> rows(37);
    for (std::uint32_t& row : rows) row = static_cast<std::uint32_t>(random.below(40));
    std::vector<float> together(rows.size() * 160);
    std::vector<float> alone(together.size());
    std::vector<float> inner(rows.size() * 96);
    const auto run = [&](std::span<const std::uint32_t> some, float* output) {
      ASSERT_EQ(expert_ffn_formats(layout, ExpertActivation::swiglu, expert.slab.data(), hidden.data(), 40,
                                   some, output, inner.data()),
                Status::ok);
    };
    run(rows, together.data());
    for (std::size_t i = 0; i < rows.size(); ++i) run({&rows[i], 1}, alone.data() + i * 160);
    EXPECT_EQ(alone, together) << format_info(format).name;
  }
}

TEST(FloatRows, LoadEveryNumberOf16BitsExactly) {
  std::vector<std::uint16_t> bits(65536);
  for (std::size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<std::uint16_t>(i);
  std::vector<float> loaded(bits.size() - 3);
  for (const FloatFormat format : {FloatFormat::fp16, FloatFormat::bf16}) {
    load_row(bits.data(), 3, format, loaded.size(), loaded.data());
    for (std::size_t i = 0; i < loaded.size(); ++i)
      ASSERT_TRUE(same(loaded[i], load_as_float(bits.data(), i + 3, format))) << i + 3;
  }
}

TEST(FloatRows, RoundOnceAndInTheOrderThatIsStated) {
  Random random(fresh_seed());
  const std::vector<float> values = rugged_floats(random, 77);
  const std::vector<float> before = rugged_floats(random, 77);
  std::vector<float> sum = before;
  add_scaled(sum.data(), values.data(), 0.3F, 77);
  for (std::size_t i = 0; i < 77; ++i) EXPECT_EQ(sum[i], std::fma(0.3F, values[i], before[i]));
  std::vector<double> sums(before.begin(), before.end());
  add_weighted(sums.data(), 0.7, values.data(), 0.3, 77);
  for (std::size_t i = 0; i < 77; ++i) {
    const volatile double kept = double{before[i]} * 0.7;  // so that no product is fused with the sum
    const volatile double added = 0.3 * double{values[i]};
    EXPECT_EQ(sums[i], kept + added);
  }
  std::vector<float> low = values;
  std::vector<float> high = before;
  const std::vector<float> cosines = random_floats(random, 77);
  const std::vector<float> sines = random_floats(random, 77);
  turn_pairs(low.data(), high.data(), cosines.data(), sines.data(), 77);
  for (std::size_t i = 0; i < 77; ++i) {
    const volatile float of_high = before[i] * sines[i];
    const volatile float of_low = values[i] * sines[i];
    EXPECT_EQ(low[i], std::fma(values[i], cosines[i], -of_high));
    EXPECT_EQ(high[i], std::fma(before[i], cosines[i], of_low));
  }
}

}  // namespace
}  // namespace prophet::kernels
