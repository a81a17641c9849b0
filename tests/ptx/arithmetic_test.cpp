#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "tests/kernels/numbers.hpp"
#include "tests/ptx/floats.hpp"
#include "tests/ptx/run_ptx.hpp"

namespace prophet::ptx {
namespace {

/// One instruction with a destination of 32 bits, and what it makes of its operands.
struct Case {
  const char* instruction;  ///< operands by name: d, and x, y, z of the words
  std::uint32_t x, y, z, expected;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.instruction << " of " << c.x << ", " << c.y << ", " << c.z;
}

class Instruction : public ::testing::TestWithParam<Case> {};

TEST_P(Instruction, GivesWhatTheManualSays) {
  const Case& c = GetParam();
  const std::string body = std::string(".reg .b32 d, x, y, z; .reg .b64 w;") +
                           "ld.global.u32 x, [p]; ld.global.u32 y, [p+4]; ld.global.u32 z, [p+8];" +
                           c.instruction + "; st.global.u32 [p], d;";
  EXPECT_EQ(result_of(body, {c.x, c.y, c.z}), c.expected) << std::hex << c.expected;
}

constexpr std::uint32_t minus(std::uint32_t value) {
  return 0U - value;
}

INSTANTIATE_TEST_SUITE_P(
    Integers, Instruction,
    ::testing::Values(
        Case{"add.s32 d, x, y", 5, minus(7), 0, minus(2)},
        Case{"add.sat.s32 d, x, y", 0x7FFFFFFF, 1, 0, 0x7FFFFFFF}, Case{"sub.u32 d, x, y", 3, 5, 0, minus(2)},
        Case{"mul.lo.u32 d, x, y", 0x10001, 0x10001, 0, 0x20001},
        Case{"mul.hi.u32 d, x, y", 0xFFFFFFFF, 2, 0, 1},
        Case{"mul.hi.s32 d, x, y", 0xFFFFFFFF, 2, 0, 0xFFFFFFFF},
        Case{"mul.wide.u32 w, x, y; shr.u64 w, w, 32; cvt.u32.u64 d, w", 0xFFFFFFFF, 3, 0, 2},
        Case{"mad.lo.s32 d, x, y, z", 3, minus(4), 5, minus(7)},
        Case{"mad.hi.u32 d, x, y, z", 0xFFFFFFFF, 16, 5, 20},
        Case{"add.cc.u32 d, x, y; addc.u32 d, z, 0", 0xFFFFFFFF, 1, 5, 6},
        Case{"sub.cc.u32 d, x, y; subc.u32 d, z, 0", 0, 1, 5, 4},
        Case{"mad.lo.cc.u32 d, x, y, x; madc.hi.u32 d, x, y, z", 0xFFFFFFFF, 2, 7, 9},
        Case{"div.s32 d, x, y", minus(7), 2, 0, minus(3)}, Case{"rem.s32 d, x, y", minus(7), 2, 0, minus(1)},
        Case{"div.u32 d, x, y", minus(7), 2, 0, 0x7FFFFFFC},
        Case{"min.s32 d, x, y", minus(1), 1, 0, minus(1)}, Case{"min.u32 d, x, y", minus(1), 1, 0, 1},
        Case{"max.s32 d, x, y", minus(1), 1, 0, 1}, Case{"abs.s32 d, x", minus(9), 0, 0, 9},
        Case{"neg.s32 d, x", 9, 0, 0, minus(9)}, Case{"sad.u32 d, x, y, z", 3, 10, 100, 107},
        Case{"dp4a.s32.s32 d, x, y, z", 0xFF020304, 0x01010101, 10, 18}));

INSTANTIATE_TEST_SUITE_P(
    Bits, Instruction,
    ::testing::Values(Case{"and.b32 d, x, y", 12, 10, 0, 8}, Case{"or.b32 d, x, y", 12, 10, 0, 14},
                      Case{"xor.b32 d, x, y", 12, 10, 0, 6}, Case{"not.b32 d, x", 0, 0, 0, 0xFFFFFFFF},
                      Case{"shl.b32 d, x, y", 1, 32, 0, 0}, Case{"shl.b32 d, x, y", 1, 31, 0, 0x80000000},
                      Case{"shr.u32 d, x, y", 0x80000000, 31, 0, 1},
                      Case{"shr.s32 d, x, y", 0x80000000, 40, 0, 0xFFFFFFFF},
                      Case{"shf.l.wrap.b32 d, x, y, z", 0x80000001, 0x00000002, 33, 5},
                      Case{"shf.r.clamp.b32 d, x, y, z", 0x80000001, 0x00000002, 40, 2},
                      Case{"lop3.b32 d, x, y, z, 0x96", 0xF0, 0xCC, 0xAA, 0xF0 ^ 0xCC ^ 0xAA},
                      Case{"prmt.b32 d, x, y, z", 0x33221100, 0x77665544, 0x7531, 0x77553311},
                      Case{"prmt.b32 d, x, y, z", 0x00000080, 0, 0x8888, 0xFFFFFFFF},
                      Case{"bfe.u32 d, x, y, z", 0xABCD1234, 8, 8, 0x12},
                      Case{"bfe.s32 d, x, y, z", 0x0000F000, 12, 4, minus(1)},
                      Case{"bfi.b32 d, x, y, 8, 8", 0xAB, 0x12345678, 0, 0x1234AB78},
                      Case{"popc.b32 d, x", 0xF0F0, 0, 0, 8}, Case{"clz.b32 d, x", 1, 0, 0, 31},
                      Case{"clz.b32 d, x", 0, 0, 0, 32}, Case{"brev.b32 d, x", 1, 0, 0, 0x80000000},
                      Case{"bfind.u32 d, x", 0x100, 0, 0, 8}, Case{"cnot.b32 d, x", 0, 0, 0, 1},
                      Case{"bmsk.clamp.b32 d, x, y", 4, 8, 0, 0xFF0}));

std::uint32_t f(float value) {
  return std::bit_cast<std::uint32_t>(value);
}

INSTANTIATE_TEST_SUITE_P(
    Floats, Instruction,
    ::testing::Values(
        Case{"add.f32 d, x, y", f(1), f(2), 0, f(3)},
        Case{"add.rz.f32 d, x, y", f(1), f(0x1.8p-24F), 0, f(1)},
        Case{"add.rp.f32 d, x, y", f(1), f(0x1p-40F), 0, f(1.0000001F)},
        Case{"add.rm.f32 d, x, y", f(-1), f(-0x1p-60F), 0, f(-1.0000001F)},
        Case{"fma.rn.f32 d, x, y, z", f(1 + 0x1p-12F), f(1 + 0x1p-12F), f(-1), f(0x1.0008p-11F)},
        Case{"fma.rm.f32 d, x, y, z", f(1 + 0x1p-12F), f(1 + 0x1p-12F), f(4), f(0x1.4008p+2F)},
        Case{"mul.sat.f32 d, x, y", f(3), f(2), 0, f(1)}, Case{"mul.sat.f32 d, x, y", f(NAN), f(2), 0, f(0)},
        Case{"mul.ftz.f32 d, x, y", f(0x1p-126F), f(0.5F), 0, f(0)},
        Case{"mul.f32 d, x, y", f(0x1p-126F), f(0.5F), 0, f(0x1p-127F)},
        Case{"div.rn.f32 d, x, y", f(1), f(3), 0, f(1.0F / 3)},
        Case{"rcp.rz.f32 d, x", f(3), 0, 0, 0x3EAAAAAA}, Case{"sqrt.rn.f32 d, x", f(2), 0, 0, f(1.41421356F)},
        Case{"rsqrt.approx.f32 d, x", f(4), 0, 0, f(0.5F)},
        Case{"ex2.approx.ftz.f32 d, x", f(-3), 0, 0, f(0.125F)},
        Case{"lg2.approx.f32 d, x", f(8), 0, 0, f(3)}, Case{"min.f32 d, x, y", f(NAN), f(2), 0, f(2)},
        Case{"max.NaN.f32 d, x, y", f(1), f(NAN), 0, 0x7FFFFFFF},
        Case{"max.f32 d, x, y", f(-0.0F), f(0.0F), 0, f(0.0F)}, Case{"abs.f32 d, x", f(-2), 0, 0, f(2)},
        Case{"neg.f32 d, x", f(2), 0, 0, f(-2)}, Case{"copysign.f32 d, x, y", f(-1), f(5), 0, f(-5)}));

// 0x3C00 is 1 in f16, 0x3F80 in bf16.
INSTANTIATE_TEST_SUITE_P(
    Halves, Instruction,
    ::testing::Values(
        Case{"add.f16x2 d, x, y", 0x3C004000, 0x3C003C00, 0, 0x40004200},
        Case{"mul.bf16x2 d, x, y", 0x40003F80, 0x40404000, 0, 0x40C04000},
        Case{"fma.rn.f16x2 d, x, y, z", 0x3C013C01, 0x3C013C01, 0xBC02BC02, 0x00100010},
        Case{"fma.rn.relu.bf16x2 d, x, y, z", 0x3F80BF80, 0x3F803F80, 0, 0x3F800000},
        Case{"max.f16x2 d, x, y", 0x7E003C00, 0x3C004000, 0, 0x3C004000},
        Case{"cvt.rn.f16x2.f32 d, x, y", f(1), f(2), 0, 0x3C004000},
        Case{"cvt.rn.bf16x2.f32 d, x, y", f(1), f(1 + 0x1p-8F), 0, 0x3F803F80},
        Case{"{.reg .b16 lo, hi; mov.b32 {lo, hi}, x; cvt.f32.f16 d, hi;}", 0x3C004000, 0, 0, f(1)},
        Case{"{.reg .b16 lo; cvt.rn.bf16.f32 lo, x; cvt.u32.u16 d, lo;}", f(1 + 0x1.8p-8F), 0, 0, 0x3F81},
        Case{"{.reg .b16 e; cvt.rn.satfinite.e4m3x2.f32 e, x, y; cvt.u32.u16 d, e;}", f(1000), f(-1), 0,
             0x7EB8},
        Case{"{.reg .b16 e; cvt.u16.u32 e, x; cvt.rn.f16x2.e4m3x2 d, e;}", 0x38B8, 0, 0, 0x3C00BC00},
        Case{"{.reg .b16 e; cvt.u16.u32 e, x; cvt.rn.f16x2.e5m2x2 d, e;}", 0x3C7C, 0, 0, 0x3C007C00}));

INSTANTIATE_TEST_SUITE_P(
    Conversions, Instruction,
    ::testing::Values(
        Case{"cvt.rzi.s32.f32 d, x", f(-2.7F), 0, 0, minus(2)},
        Case{"cvt.rni.s32.f32 d, x", f(2.5F), 0, 0, 2}, Case{"cvt.rpi.s32.f32 d, x", f(2.1F), 0, 0, 3},
        Case{"cvt.rzi.u32.f32 d, x", f(-1), 0, 0, 0},
        Case{"cvt.rzi.s32.f32 d, x", f(1e20F), 0, 0, 0x7FFFFFFF},
        Case{"cvt.rzi.s32.f32 d, x", f(NAN), 0, 0, 0},
        Case{"cvt.rn.f32.u32 d, x", 0x01000001, 0, 0, f(0x1p24F)},
        Case{"cvt.rp.f32.u32 d, x", 0x01000001, 0, 0, f(0x1.000002p24F)},
        Case{"cvt.rn.f32.s32 d, x", minus(3), 0, 0, f(-3)}, Case{"cvt.s32.s8 d, x", 0x80, 0, 0, minus(128)},
        Case{"cvt.u32.u8 d, x", 0x180, 0, 0, 0x80}, Case{"cvt.sat.u8.s32 d, x", 300, 0, 0, 255},
        Case{"cvt.sat.f32.f32 d, x", f(1.5F), 0, 0, f(1)}, Case{"cvt.rni.f32.f32 d, x", f(3.5F), 0, 0, f(4)},
        Case{"cvt.pack.sat.u8.s32.b32 d, x, y, z", minus(5), 300, 0x1234, 0x123400FF},
        Case{"cvt.rna.tf32.f32 d, x", 0x3F801000, 0, 0, 0x3F802000}));

INSTANTIATE_TEST_SUITE_P(
    Comparisons, Instruction,
    ::testing::Values(Case{"setp.lt.s32 %p1, x, y; selp.u32 d, 1, 0, %p1", minus(1), 1, 0, 1},
                      Case{"setp.lt.u32 %p1, x, y; selp.u32 d, 1, 0, %p1", minus(1), 1, 0, 0},
                      Case{"setp.neu.f32 %p1, x, y; selp.u32 d, 1, 0, %p1", f(NAN), f(1), 0, 1},
                      Case{"setp.ne.f32 %p1, x, y; selp.u32 d, 1, 0, %p1", f(NAN), f(1), 0, 0},
                      Case{"setp.nan.f32 %p1, x, y; selp.u32 d, 1, 0, %p1", f(NAN), f(1), 0, 1},
                      Case{"setp.eq.u32 %p1|%p2, x, y; selp.u32 d, 1, 0, %p2", 1, 1, 0, 0},
                      Case{"setp.eq.u32 %p1, x, 1; setp.eq.and.u32 %p2, y, 2, !%p1; selp.u32 d, 1, 0, %p2", 1,
                           2, 0, 0},
                      Case{"set.gt.u32.s32 d, x, y", 2, 1, 0, 0xFFFFFFFF},
                      Case{"slct.u32.s32 d, x, y, z", 1, 2, minus(1), 2}));

TEST(Rounding, OfAShortFloatIsOneRoundingOfTheExactResult) {
  Random random(testing::fresh_seed());
  for (int i = 0; i < 100000; ++i) {
    const auto word = [&] { return static_cast<std::uint32_t>(random.next()); };
    const float a = std::bit_cast<float>(word()), b = std::bit_cast<float>(word()),
                c = std::bit_cast<float>(word());
    if (std::isnan(a) || std::isnan(b) || std::isnan(c)) continue;
    const double product = static_cast<double>(a) * static_cast<double>(b);
    const float expected = std::fma(a, b, c);
    if (std::isnan(expected)) continue;
    ASSERT_EQ(encode(f32_format, odd_sum(product, static_cast<double>(c))), f(expected))
        << a << " " << b << " " << c;
    ASSERT_EQ(encode(f32_format, odd_quotient(static_cast<double>(a), static_cast<double>(b))), f(a / b));
  }
}

TEST(Rounding, EveryHalfSurvivesItsWayThroughADouble) {
  for (const Format& format : {f16_format, bf16_format, e4m3_format, e5m2_format}) {
    for (std::uint64_t bits = 0; bits < std::uint64_t{1} << format.bits(); ++bits) {
      const double value = decode(format, bits);
      if (std::isnan(value)) continue;
      ASSERT_EQ(encode(format, value), bits);
    }
  }
}

}  // namespace
}  // namespace prophet::ptx
