#include <bit>
#include <cfenv>
#include <limits>

#include "tests/cuda_on_cpu/self/simt_test.hpp"

// What the device language computes, against definitions written down once more in another way.
namespace prophet::simt_test {
namespace {

constexpr int repetitions = 2000;

class SimtLanguage : public SimtTest {
 protected:
  Random random_{testing::fresh_seed()};
  unsigned word() { return static_cast<unsigned>(random_.below(std::uint64_t{1} << 32U)); }
  unsigned long long wide() { return static_cast<unsigned long long>(word()) << 32U | word(); }
  __half half() { return __ushort_as_half(static_cast<unsigned short>(word())); }
  __nv_bfloat16 brain() { return __ushort_as_bfloat16(static_cast<unsigned short>(word())); }
};

TEST_F(SimtLanguage, BitsAreCountedFoundAndReversed) {
  EXPECT_EQ(__clz(0), 32);
  EXPECT_EQ(__clz(-1), 0);
  EXPECT_EQ(__clzll(1), 63);
  EXPECT_EQ(__ffs(0), 0);
  EXPECT_EQ(__ffs(8), 4);
  EXPECT_EQ(__ffsll(1LL << 40), 41);
  EXPECT_EQ(__popc(0xF0F0U), 8);
  EXPECT_EQ(__popcll(~0ULL), 64);
  EXPECT_EQ(__brev(1U), 0x80000000U);
  EXPECT_EQ(__brev(0x80000001U), 0x80000001U);
  EXPECT_EQ(__brevll(2ULL), 1ULL << 62U);
  for (int i = 0; i < repetitions; ++i) {
    const unsigned x = word();
    EXPECT_EQ(__brev(__brev(x)), x);
    EXPECT_EQ(__popc(__brev(x)), __popc(x));
  }
}

TEST_F(SimtLanguage, HighHalvesOfProductsMatchLongMultiplication) {
  for (int i = 0; i < repetitions; ++i) {
    const unsigned long long a = wide();
    const unsigned long long b = wide();
    const unsigned long long low_a = a & 0xFFFFFFFFU;
    const unsigned long long high_a = a >> 32U;
    const unsigned long long low_b = b & 0xFFFFFFFFU;
    const unsigned long long high_b = b >> 32U;
    const unsigned long long middle = high_a * low_b + (low_a * low_b >> 32U);
    const unsigned long long other_middle = low_a * high_b + (middle & 0xFFFFFFFFU);
    EXPECT_EQ(__umul64hi(a, b), high_a * high_b + (middle >> 32U) + (other_middle >> 32U));
    EXPECT_EQ(__umulhi(static_cast<unsigned>(a), static_cast<unsigned>(b)), low_a * low_b >> 32U);
  }
  EXPECT_EQ(__mulhi(-1, 1), -1);
  EXPECT_EQ(__mul64hi(-3, 2), -1);
  EXPECT_EQ(__mul24(-3, 5), -15);
}

TEST_F(SimtLanguage, BytePermChoosesBytesAndSpreadsSigns) {
  EXPECT_EQ(__byte_perm(0x33221100U, 0x77665544U, 0x7531U), 0x77553311U);
  EXPECT_EQ(__byte_perm(0x33221100U, 0x77665544U, 0x0004U), 0x00000044U);
  EXPECT_EQ(__byte_perm(0x000080FFU, 0x7F000000U, 0xF98AU), 0x00FFFF00U);
}

TEST_F(SimtLanguage, DotProductsOfFourBytes) {
  EXPECT_EQ(__dp4a(static_cast<int>(0x80FF0102U), 0x01020304, 10), -128 * 1 - 1 * 2 + 1 * 3 + 2 * 4 + 10);
  EXPECT_EQ(__dp4a(0x80FF0102U, 0x01020304U, 10U), 128U + 255U * 2 + 3 + 8 + 10);
}

TEST_F(SimtLanguage, FunnelShiftsJoinTwoWords) {
  EXPECT_EQ(__funnelshift_l(0x80000001U, 0x0000000FU, 4), 0x000000F8U);
  EXPECT_EQ(__funnelshift_r(0x80000010U, 0x0000000FU, 4), 0xF8000001U);
  EXPECT_EQ(__funnelshift_l(1U, 2U, 32), 2U);
  EXPECT_EQ(__funnelshift_r(1U, 2U, 0), 1U);
}

TEST_F(SimtLanguage, FloatsBecomeIntegersAsOnADevice) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(__float2int_rn(2.5F), 2);
  EXPECT_EQ(__float2int_rn(3.5F), 4);
  EXPECT_EQ(__float2int_rz(-2.9F), -2);
  EXPECT_EQ(__float2int_rd(-2.1F), -3);
  EXPECT_EQ(__float2int_ru(2.1F), 3);
  EXPECT_EQ(__float2int_rn(1e20F), std::numeric_limits<int>::max());
  EXPECT_EQ(__float2int_rn(-1e20F), std::numeric_limits<int>::min());
  EXPECT_EQ(__float2int_rn(nan), 0);
  EXPECT_EQ(__float2uint_rn(-5.0F), 0U);
  EXPECT_EQ(__float2uint_rz(4e9F), 4000000000U);
  EXPECT_EQ(__saturatef(nan), 0.0F);
  EXPECT_EQ(__saturatef(1.5F), 1.0F);
  EXPECT_EQ(__saturatef(-0.5F), 0.0F);
  EXPECT_EQ(__uint_as_float(0x3F800000U), 1.0F);
  EXPECT_EQ(__float_as_int(-0.0F), std::numeric_limits<int>::min());
}

/// a * b + c in integers: fp16 values are multiples of 2^-24, so that everything is one of 2^-48.
double exact_fused_half(__half a, __half b, __half c) {
  __extension__ using Wide = __int128;
  const auto scaled = [](__half x) { return static_cast<long long>(std::ldexp(__half2float(x), 24)); };
  const Wide sum = static_cast<Wide>(scaled(a)) * scaled(b) + (static_cast<Wide>(scaled(c)) << 24);
  // To 12 significant digits and a sticky one, so that the conversion to fp16 is the only rounding.
  const bool negative = sum < 0;
  auto size = static_cast<unsigned __int128>(negative ? -sum : sum);
  int exponent = -48;
  bool sticky = false;
  while (size >> 40U != 0) {
    sticky = sticky || (size & 1U) != 0;
    size >>= 1U;
    ++exponent;
  }
  const double value = std::ldexp(
      static_cast<double>(static_cast<std::uint64_t>(size << 1U) | (sticky ? 1U : 0U)), exponent - 1);
  return negative ? -value : value;
}

TEST_F(SimtLanguage, FusedProductsOfFp16AreRoundedOnce) {
  int compared = 0;
  int differ_from_twice_rounded = 0;
  for (int i = 0; i < 200 * repetitions; ++i) {
    const __half a = half();
    const __half b = half();
    const __half c = half();
    if (!std::isfinite(__half2float(a)) || !std::isfinite(__half2float(b)) ||
        !std::isfinite(__half2float(c))) {
      continue;
    }
    const __half got = __hfma(a, b, c);
    const __half expected = __double2half(exact_fused_half(a, b, c));
    if (__half2float(expected) != 0.0F) {
      ASSERT_EQ(__half_as_ushort(got), __half_as_ushort(expected));
    }
    const float twice = std::fma(__half2float(a), __half2float(b), __half2float(c));
    differ_from_twice_rounded += __half_as_ushort(__float2half(twice)) != __half_as_ushort(got) ? 1 : 0;
    ++compared;
  }
  std::cout << compared << " compared, rounding twice would have been wrong in " << differ_from_twice_rounded
            << '\n';
}

TEST_F(SimtLanguage, FusedProductsOfBf16DifferFromExactByHalfADigitAtMost) {
  for (int i = 0; i < repetitions; ++i) {
    const float a = __bfloat162float(brain());
    const float b = 1.0F + 0.125F * static_cast<float>(random_.below(100));
    const float c = 0.5F * a;
    if (!std::isfinite(a) || std::abs(a) > 1e30F || std::abs(a) < 1e-30F) continue;
    const double exact = static_cast<double>(a) * static_cast<double>(b) +
                         static_cast<double>(__bfloat162float(__float2bfloat16(c)));
    const __nv_bfloat16 got = __hfma(__float2bfloat16(a), __float2bfloat16(b), __float2bfloat16(c));
    EXPECT_EQ(__bfloat16_as_ushort(got), __bfloat16_as_ushort(__double2bfloat16(exact)));
  }
}

TEST_F(SimtLanguage, PairsOf16BitValuesAreWorkedOnOneByOne) {
  const __half2 pair = __hfma2(__floats2half2_rn(2, 3), __floats2half2_rn(4, 5), __floats2half2_rn(1, -1));
  EXPECT_EQ(__low2float(pair), 9.0F);
  EXPECT_EQ(__high2float(pair), 14.0F);
  const __half2 clipped =
      __hfma2_sat(__floats2half2_rn(2, -3), __floats2half2_rn(4, 5), __floats2half2_rn(1, 0));
  EXPECT_EQ(__low2float(clipped), 1.0F);
  EXPECT_EQ(__high2float(clipped), 0.0F);
  const __nv_bfloat162 rectified =
      __hfma2_relu(__floats2bfloat162_rn(2, -3), __floats2bfloat162_rn(4, 5), __floats2bfloat162_rn(1, 0));
  EXPECT_EQ(__low2float(rectified), 9.0F);
  EXPECT_EQ(__high2float(rectified), 0.0F);
  EXPECT_EQ(__half2float(hexp(__float2half(0.0F))), 1.0F);
  EXPECT_EQ(__high2float(h2exp2(__floats2half2_rn(0, 3))), 8.0F);
  EXPECT_EQ(__bfloat162float(hrsqrt(__float2bfloat16(4.0F))), 0.5F);
  EXPECT_EQ(__half2int_rn(__float2half(2.5F)), 2);
}

TEST_F(SimtLanguage, MinimumAndMaximumAndReciprocalRoots) {
  EXPECT_EQ(min(3, 4), 3);
  EXPECT_EQ(max(3.5F, 4), 4.0F);
  EXPECT_EQ(rsqrtf(4.0F), 0.5F);
  EXPECT_EQ(__frcp_rn(4.0F), 0.25F);
  EXPECT_EQ(__fmaf_rn(2.0F, 3.0F, 4.0F), 10.0F);
  EXPECT_EQ(__fdividef(3.0F, 2.0F), 1.5F);
  EXPECT_FLOAT_EQ(__expf(1.0F), 2.7182817F);
  EXPECT_FLOAT_EQ(exp2f(0.5F), 1.4142135F);
}

TEST_F(SimtLanguage, HintedLoadsAndStoresAreLoadsAndStores) {
  const float4 four{1, 2, 3, 4};
  float4 copy{};
  __stcs(&copy, __ldg(&four));
  EXPECT_EQ(copy.w, 4);
  __stcg(&copy.x, __ldcs(&four.y));
  EXPECT_EQ(copy.x, 2);
}

}  // namespace
}  // namespace prophet::simt_test
