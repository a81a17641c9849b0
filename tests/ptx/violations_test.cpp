#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/ptx/run_ptx.hpp"

/// What a kernel must not do is refused, with the line.
namespace prophet::ptx {
namespace {

using ::testing::HasSubstr;

TEST(Violation, AnUnsupportedInstructionIsNamedWithItsLine) {
  EXPECT_THAT(refusal_of("  frobnicate.u32 %r1, %r2;"), HasSubstr("frobnicate.u32 is unsupported"));
  EXPECT_THAT(refusal_of("  add.sideways.u32 %r1, %r2, %r3;"), HasSubstr("suffix .sideways"));
  EXPECT_THAT(refusal_of("  bra nowhere;"), HasSubstr("line 18"));
  EXPECT_THAT(refusal_of("  add.u32 %r1, %r2, %clock;"), HasSubstr("%clock"));
}

TEST(Violation, AccessOutsideOfBuffersIsRefused) {
  EXPECT_THAT(refusal_of("st.global.u32 [a+1024], t;"), HasSubstr("outside every buffer"));
  EXPECT_THAT(refusal_of("ld.global.u32 %r1, [p+-4];"), HasSubstr("outside every buffer"));
  EXPECT_THAT(refusal_of("st.global.u32 [p+2], t;"), HasSubstr("not aligned"));
  EXPECT_THAT(refusal_of("ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [p+8];"), HasSubstr("not aligned"));
  EXPECT_THAT(refusal_of("st.shared.u32 [1024], t;"), HasSubstr("outside every variable"));
  EXPECT_THAT(refusal_of("ld.param.u64 %d1, [k_param_0+8];"), HasSubstr("parameters"));
}

TEST(Violation, ReadOfWhatNobodyWroteIsRefused) {
  EXPECT_THAT(refusal_of("ld.shared.u32 %r1, [s]; st.global.u32 [a], %r1;"), HasSubstr("nobody wrote"));
  EXPECT_THAT(refusal_of("ld.shared.u32 %r1, [dynamic]; add.u32 %r2, %r1, 1;", {.shared_bytes = 16}),
              HasSubstr("nobody wrote"));
  const std::string ahead = "ld.shared.u32 %r1, [s]; setp.eq.u32 %p1, t, t; ";
  EXPECT_EQ(refusal_of(ahead + "selp.u32 %r2, t, %r1, %p1; st.global.u32 [a], %r2;"), "");
  EXPECT_THAT(refusal_of(ahead + "selp.u32 %r2, %r1, t, %p1; st.global.u32 [a], %r2;"),
              HasSubstr("nobody wrote"));
  EXPECT_THAT(refusal_of("ld.shared.u32 %r1, [s]; setp.eq.u32 %p1, %r1, 0; @%p1 bra E; E:;"),
              HasSubstr("nobody wrote"));
  Memory memory;
  std::vector<std::uint32_t> words(4);
  memory.add(words.data(), 16, "words", false);
  EXPECT_THROW(static_cast<void>(memory.read(std::bit_cast<std::uint64_t>(words.data()), 4)), Error);
  static_cast<void>(memory.write(std::bit_cast<std::uint64_t>(words.data()), 4));
  EXPECT_NO_THROW(static_cast<void>(memory.read(std::bit_cast<std::uint64_t>(words.data()), 4)));
}

const std::string own_shared_word = "shl.b32 %r1, t, 2; mov.u32 %r2, s; add.u32 %r1, %r1, %r2;";

TEST(Violation, AMissingBarrierIsARace) {
  const std::string exchange = own_shared_word +
                               "st.shared.u32 [%r1], t; {} xor.b32 %r3, t, {}; shl.b32 %r3, %r3, 2;" +
                               "add.u32 %r3, %r3, %r2; ld.shared.u32 %r4, [%r3]; st.global.u32 [a], %r4;";
  const auto body = [&](const char* barrier, int partner) {
    std::string text = exchange;
    text.replace(text.find("{}"), 2, barrier);
    return text.replace(text.find("{}"), 2, std::to_string(partner));
  };
  EXPECT_EQ(refusal_of(body("bar.sync 0;", 63), {.threads = 64}), "");
  EXPECT_THAT(refusal_of(body("", 63), {.threads = 64}),
              ::testing::AnyOf(HasSubstr("race"), HasSubstr("nobody wrote")));
  EXPECT_EQ(refusal_of(body("bar.warp.sync -1;", 1), {.threads = 64}), "");
  EXPECT_THAT(refusal_of(body("", 1), {.threads = 64}), HasSubstr("race"));
  EXPECT_THAT(refusal_of(body("bar.warp.sync -1;", 63), {.threads = 64}),
              ::testing::AnyOf(HasSubstr("race"), HasSubstr("nobody wrote")));
}

TEST(Violation, OverwritingWhatAnotherThreadStillReadsIsARace) {
  const std::string body =
      own_shared_word +
      "st.shared.u32 [%r1], t; bar.sync 0; ld.shared.u32 %r3, [s]; {} setp.eq.u32 %p1, t, 40;"
      "@%p1 st.shared.u32 [s], 9;";
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::string with = body, without = body;
    EXPECT_EQ(refusal_of(with.replace(with.find("{}"), 2, "bar.sync 0;"), {.threads = 64, .seed = seed}), "");
    EXPECT_THAT(refusal_of(without.replace(without.find("{}"), 2, ""), {.threads = 64, .seed = seed}),
                HasSubstr("race"));
  }
}

TEST(Violation, ADivergentBarrierIsRefused) {
  EXPECT_THAT(
      refusal_of("setp.lt.u32 %p1, t, 32; @%p1 bra A; bar.sync 0; ret; A: bar.sync 0;", {.threads = 64}),
      HasSubstr("divergent barrier"));
  EXPECT_THAT(refusal_of("setp.lt.u32 %p1, t, 16; @%p1 bra A; bar.sync 0; bra B; A: bar.sync 0; B: ;",
                         {.threads = 32}),
              HasSubstr("for ever"));
  EXPECT_THAT(refusal_of("setp.lt.u32 %p1, t, 32; @%p1 bra A; bar.sync 0; bar.sync 1; ret; A: bar.sync 2;",
                         {.threads = 64}),
              HasSubstr("for ever"));
  EXPECT_THAT(refusal_of("bar.sync 0, 48;", {.threads = 64}), HasSubstr("multiple of 32"));
  EXPECT_THAT(refusal_of("bar.sync 0, 96;", {.threads = 64}), HasSubstr("for ever"));
}

TEST(Violation, AWarpFunctionWithoutAllOfItsLanesIsRefused) {
  EXPECT_THAT(refusal_of("setp.lt.u32 %p1, t, 16; @%p1 bra A; shfl.sync.bfly.b32 %r1, t, 1, 31, -1; ret;"
                         "A: shfl.sync.bfly.b32 %r1, t, 1, 31, -1;"),
              HasSubstr("for ever"));
  EXPECT_THAT(refusal_of("setp.lt.u32 %p1, t, 16; @%p1 shfl.sync.bfly.b32 %r1, t, 16, 31, 0xFFFF;"),
              HasSubstr("takes no part"));
  EXPECT_THAT(refusal_of("vote.sync.ballot.b32 %r1, 1, 0xFF;"), HasSubstr("not in its own mask"));
}

TEST(Violation, AnAsynchronousCopyMustBeWaitedFor) {
  const std::string copy =
      "mov.u32 %r2, s; shl.b32 %r1, t, 2; add.u32 %r1, %r1, %r2; cp.async.ca.shared.global [%r1], [a], 4;"
      "cp.async.commit_group;";
  EXPECT_EQ(refusal_of(copy + "cp.async.wait_group 0; ld.shared.u32 %r3, [%r1];"), "");
  EXPECT_EQ(refusal_of(copy + "cp.async.wait_all; ld.shared.u32 %r3, [%r1];"), "");
  EXPECT_THAT(refusal_of(copy + "ld.shared.u32 %r3, [%r1];"), HasSubstr("not waited for"));
  EXPECT_THAT(refusal_of(copy + "cp.async.wait_group 1; ld.shared.u32 %r3, [%r1];"),
              HasSubstr("not waited for"));
  EXPECT_THAT(refusal_of(copy + "cp.async.wait_all; ld.shared.u32 %r3, [s+4];"), HasSubstr("race"));
}

TEST(Violation, LaunchesOutsideOfLimitsAreRefused) {
  EXPECT_THAT(refusal_of("", {.threads = 1056}), HasSubstr("1024"));
  EXPECT_THAT(refusal_of("", {.shared_bytes = 228 << 10}), HasSubstr("shared memory"));
  EXPECT_THAT(refusal_of("", {.blocks = 0}), HasSubstr("empty grid"));
  EXPECT_THAT(refusal_of("div.u32 %r1, t, t;"), HasSubstr("division by 0"));
  EXPECT_THAT(refusal_of("trap;"), HasSubstr("stopped itself"));
}

}  // namespace
}  // namespace prophet::ptx
