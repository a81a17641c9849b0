#include "kernels/expert_formats.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/expert_quantise.hpp"
#include "tests/kernels/expert_case.hpp"

namespace prophet::kernels {
namespace {

using testing::fresh_seed;

TEST(ExpertFormats, E2m1IsTheTableOfTheStandard) {
  const std::array<float, 8> table{0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  for (unsigned code = 0; code < 16; ++code) {
    const float expected = code < 8 ? table[code] : -table[code - 8];
    EXPECT_EQ(decode_e2m1(static_cast<std::uint8_t>(code)), expected) << code;
    EXPECT_EQ(encode_e2m1(expected), code);
  }
}

TEST(ExpertFormats, E4m3HasTheLandmarksOfTheStandard) {
  EXPECT_EQ(decode_e4m3(0x7E), 448.0F);
  EXPECT_EQ(decode_e4m3(0xFE), -448.0F);
  EXPECT_EQ(decode_e4m3(0x08), 0x1p-6F);
  EXPECT_EQ(decode_e4m3(0x07), 0.875F * 0x1p-6F);
  EXPECT_EQ(decode_e4m3(0x01), 0x1p-9F);
  EXPECT_EQ(decode_e4m3(0x38), 1.0F);
  EXPECT_TRUE(std::isnan(decode_e4m3(0x7F)));
  EXPECT_TRUE(std::isnan(decode_e4m3(0xFF)));
}

TEST(ExpertFormats, E8m0IsAPowerOfTwoOrNaN) {
  EXPECT_EQ(decode_e8m0(127), 1.0F);
  EXPECT_EQ(decode_e8m0(0), 0x1p-127F);
  EXPECT_EQ(decode_e8m0(254), 0x1p127F);
  EXPECT_TRUE(std::isnan(decode_e8m0(255)));
  for (unsigned code = 0; code < 255; ++code)
    EXPECT_EQ(encode_e8m0(decode_e8m0(static_cast<std::uint8_t>(code))), code);
  EXPECT_EQ(encode_e8m0(7.9F), 129);
}

TEST(ExpertFormats, SixteenBitFloatsComeBackFromEveryCode) {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const auto code = static_cast<std::uint16_t>(bits);
    const float half = decode_fp16(code);
    const float brain = decode_bf16(code);
    if (!std::isnan(half)) {
      ASSERT_EQ(encode_fp16(half), code);
    }
    if (!std::isnan(brain)) {
      ASSERT_EQ(encode_bf16(brain), code);
    }
  }
  EXPECT_TRUE(std::isnan(decode_fp16(encode_fp16(std::nanf("")))));
  EXPECT_TRUE(std::isnan(decode_bf16(encode_bf16(std::nanf("")))));
  EXPECT_EQ(decode_fp16(0x7BFF), 65504.0F);
  EXPECT_EQ(decode_fp16(0x0001), 0x1p-24F);
  EXPECT_EQ(encode_fp16(65519.0F), 0x7BFF);
  EXPECT_EQ(encode_fp16(65520.0F), 0x7C00);
}

/// No other code is nearer, for values between and upon the codes of a format.
template <class Code>
void expect_nearest(Code (*encode)(float), float (*decode)(Code), float most, unsigned codes,
                    Random& random) {
  for (int repetition = 0; repetition < 2000; ++repetition) {
    const auto scale = static_cast<float>(std::exp2(-12.0 * random.uniform()));
    const auto value = static_cast<float>(2 * random.uniform() - 1) * most * scale;
    const float chosen = std::abs(decode(encode(value)) - value);
    for (unsigned code = 0; code < codes; ++code) {
      const float other = decode(static_cast<Code>(code));
      if (!std::isnan(other)) {
        ASSERT_LE(chosen, std::abs(other - value)) << value << " against code " << code;
      }
    }
  }
}

TEST(ExpertFormats, EncodersTakeTheNearestCode) {
  Random random(fresh_seed());
  expect_nearest<std::uint8_t>(encode_e4m3, decode_e4m3, 460.0F, 256, random);
  expect_nearest<std::uint8_t>(encode_e2m1, decode_e2m1, 7.0F, 16, random);
  EXPECT_EQ(encode_e2m1(2.5F), 4) << "half way: the even code, which is 2";
  EXPECT_EQ(encode_e2m1(5.0F), 6) << "half way: the even code, which is 4";
  EXPECT_EQ(encode_fp16(1.0F + 0x1p-11F), 0x3C00) << "half way: the even code";
  EXPECT_EQ(encode_bf16(1.0F + 0x1p-8F), 0x3F80) << "half way: the even code";
}

/// What a round trip may be off, relative to the largest magnitude that shares the scale.
float tolerance(ExpertFormat format) {
  switch (format) {
    case ExpertFormat::fp32:
      return 0;
    case ExpertFormat::bf16:
      return 0x1p-8F;
    case ExpertFormat::fp16:
      return 0x1p-11F;
    case ExpertFormat::fp8_rows:
    case ExpertFormat::fp8_blocks:
      return 0x1p-4F;
    case ExpertFormat::int8:
      return 0.51F / 127;
    case ExpertFormat::int4_32:
    case ExpertFormat::int4_128:
      return 0.51F / 7;
    case ExpertFormat::mxfp4:
      return 0.26F;
  }
  return 0;
}

TEST(ExpertFormats, AnExpertComesBackFromItsSlab) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 60; ++repetition) {
    ExpertShape shape{.format = testing::expert_formats[repetition % expert_format_count]};
    shape.hidden_size = testing::random_dimension(random, shape.format, 300);
    shape.width = testing::random_dimension(random, shape.format, 150);
    shape.gated = random.below(3) != 0;
    shape.interleaved = shape.gated && random.below(2) == 0;
    shape.has_bias = random.below(2) == 0;
    const SlabLayout layout = testing::layout_of(shape);
    const testing::RandomExpert expert(random, layout);
    SCOPED_TRACE(format_info(shape.format).name);
    const auto expect_close = [&](const MatrixLayout& matrix, const std::vector<float>& values,
                                  const std::vector<float>& bias) {
      for (std::uint32_t row = 0; row < matrix.rows; ++row) {
        for (std::uint32_t column = 0; column < matrix.columns; ++column) {
          ASSERT_NEAR(decode_value(shape.format, matrix, expert.slab.data(), row, column),
                      values[std::size_t{row} * matrix.columns + column], tolerance(shape.format));
        }
        if (shape.has_bias) {
          ASSERT_NEAR(decode_bias(shape.format, matrix, expert.slab.data(), row), bias[row], 0x1p-8F);
        }
      }
    };
    expect_close(layout.gate, expert.gate, expert.gate_bias);
    if (shape.gated) expect_close(layout.up, expert.up, expert.up_bias);
    expect_close(layout.down, expert.down, expert.down_bias);
  }
}

TEST(ExpertFormats, ABlockOfZerosIsZero) {
  for (const ExpertFormat format : testing::expert_formats) {
    const SlabLayout layout = testing::layout_of({.format = format, .hidden_size = 160, .width = 32});
    const std::vector<float> zeros(160 * 32);
    std::vector<std::byte> slab(layout.size_bytes);
    encode_expert(layout, {zeros.data(), zeros.data(), zeros.data()}, slab.data());
    EXPECT_EQ(decode_value(format, layout.gate, slab.data(), 3, 5), 0.0F) << format_info(format).name;
    EXPECT_EQ(decode_value(format, layout.down, slab.data(), 150, 31), 0.0F) << format_info(format).name;
  }
}

}  // namespace
}  // namespace prophet::kernels
