#include <gtest/gtest.h>

#include <numeric>

#include "tests/ptx/run_ptx.hpp"

namespace prophet::ptx {
namespace {

std::vector<std::uint32_t> of_threads(const std::string& body, const RunShape& shape = {}) {
  return run_body(body, std::vector<std::uint32_t>(std::size_t{shape.threads} * shape.blocks), shape);
}

/// Expects `value(thread)` in every word.
template <class Value>
void expect_each(const std::vector<std::uint32_t>& words, Value value) {
  for (std::uint32_t i = 0; i < words.size(); ++i) ASSERT_EQ(words[i], value(i)) << "thread " << i;
}

TEST(Interpreter, RunsEveryThreadOfEveryBlock) {
  const char* body =
      "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mad.lo.u32 %r3, %r1, %r2, t;"
      "mad.wide.u32 %d1, %r3, 4, p; st.global.u32 [%d1], %r3;";
  expect_each(of_threads(body, {.threads = 40, .blocks = 3}), [](std::uint32_t i) { return i; });
}

TEST(Interpreter, LanesMeetAgainAfterABranch) {
  const char* body =
      "and.b32 %r1, t, 1; setp.eq.u32 %p1, %r1, 0; mov.u32 %r2, 5; @%p1 bra E; mov.u32 %r2, 7; E:"
      "activemask.b32 %r3; popc.b32 %r3, %r3; mad.lo.u32 %r2, %r3, 100, %r2; st.global.u32 [a], %r2;";
  expect_each(of_threads(body), [](std::uint32_t i) { return i % 2 == 0 ? 3205U : 3207U; });
}

TEST(Interpreter, LoopsRunAsOftenAsEachLaneWants) {
  const char* body =
      "mov.u32 %r1, 0; mov.u32 %r2, 0; L: setp.gt.u32 %p1, %r1, t; @%p1 bra E; add.u32 %r2, %r2, %r1;"
      "add.u32 %r1, %r1, 1; bra.uni L; E: st.global.u32 [a], %r2;";
  expect_each(of_threads(body), [](std::uint32_t i) { return i * (i + 1) / 2; });
}

TEST(Interpreter, TablesOfBranchesAreFollowed) {
  const char* body =
      "T: .branchtargets A, B, C; rem.u32 %r1, t, 3; brx.idx %r1, T; A: mov.u32 %r2, 1; bra E; B: mov.u32 "
      "%r2, 2;"
      "bra E; C: mov.u32 %r2, 3; E: st.global.u32 [a], %r2;";
  expect_each(of_threads(body), [](std::uint32_t i) { return i % 3 + 1; });
}

TEST(Interpreter, ShufflesAsTheManualSays) {
  const auto shuffled = [](const char* shuffle) {
    return of_threads(std::string(shuffle) + "st.global.u32 [a], %r1;");
  };
  expect_each(shuffled("shfl.sync.bfly.b32 %r1, t, 5, 31, -1;"), [](std::uint32_t i) { return i ^ 5; });
  expect_each(shuffled("shfl.sync.down.b32 %r1, t, 4, 31, -1;"),
              [](std::uint32_t i) { return i < 28 ? i + 4 : i; });
  expect_each(shuffled("shfl.sync.up.b32 %r1, t, 4, 0, -1;"),
              [](std::uint32_t i) { return i >= 4 ? i - 4 : i; });
  expect_each(shuffled("shfl.sync.idx.b32 %r1, t, 3, 0x181F, -1;"),
              [](std::uint32_t i) { return i / 8 * 8 + 3; });
  expect_each(shuffled("shfl.sync.down.b32 %r1|%p1, t, 1, 31, -1; selp.u32 %r1, 1, 0, %p1;"),
              [](std::uint32_t i) { return i < 31 ? 1U : 0U; });
}

TEST(Interpreter, VotesMatchesAndReducesAWarp) {
  const auto each = [](const std::string& body) { return of_threads(body + "st.global.u32 [a], %r1;"); };
  expect_each(each("setp.lt.u32 %p1, t, 5; vote.sync.ballot.b32 %r1, %p1, -1;"),
              [](std::uint32_t) { return 31U; });
  expect_each(each("setp.lt.u32 %p1, t, 5; vote.sync.any.pred %p2, %p1, -1; selp.u32 %r1, 1, 0, %p2;"),
              [](std::uint32_t) { return 1U; });
  expect_each(each("setp.lt.u32 %p1, t, 5; vote.sync.all.pred %p2, %p1, -1; selp.u32 %r1, 1, 0, %p2;"),
              [](std::uint32_t) { return 0U; });
  expect_each(each("shr.u32 %r2, t, 4; match.any.sync.b32 %r1, %r2, -1;"),
              [](std::uint32_t i) { return i < 16 ? 0xFFFFU : 0xFFFF0000U; });
  expect_each(each("redux.sync.add.s32 %r1, t, -1;"), [](std::uint32_t) { return 496U; });
  expect_each(each("redux.sync.max.u32 %r1, t, -1;"), [](std::uint32_t) { return 31U; });
  expect_each(each("elect.sync %r2|%p1, -1; selp.u32 %r1, 1, 0, %p1;"),
              [](std::uint32_t i) { return i == 0 ? 1U : 0U; });
}

TEST(Interpreter, BarriersOrderWarpsUnderEverySeed) {
  const char* body =
      "mov.u32 %r1, s; shl.b32 %r2, t, 2; add.u32 %r3, %r1, %r2; st.shared.u32 [%r3], t; bar.sync 0;"
      "sub.u32 %r4, 127, t; shl.b32 %r4, %r4, 2; add.u32 %r4, %r1, %r4; ld.shared.u32 %r5, [%r4];"
      "st.global.u32 [a], %r5;";
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    expect_each(of_threads(body, {.threads = 128, .seed = seed}), [](std::uint32_t i) { return 127 - i; });
  }
}

TEST(Interpreter, BarriersCountAndReduce) {
  const char* body = "setp.lt.u32 %p1, t, 50; bar.red.popc.u32 %r1, 0, %p1; st.global.u32 [a], %r1;";
  expect_each(of_threads(body, {.threads = 96}), [](std::uint32_t) { return 50U; });
  const char* any =
      "setp.eq.u32 %p1, t, 50; bar.red.or.pred %p2, 0, %p1; selp.u32 %r1, 1, 0, %p2; st.global.u32 [a], %r1;";
  expect_each(of_threads(any, {.threads = 96}), [](std::uint32_t) { return 1U; });
  const char* named =
      "setp.lt.u32 %p1, t, 64; @!%p1 bra E; bar.sync 1, 64; E: bar.sync 0; st.global.u32 [a], 1;";
  expect_each(of_threads(named, {.threads = 96}), [](std::uint32_t) { return 1U; });
}

TEST(Interpreter, ThreadsThatExitAreNotAwaited) {
  const char* body = "setp.lt.u32 %p1, t, 40; @!%p1 exit; bar.sync 0; st.global.u32 [a], 1;";
  expect_each(of_threads(body, {.threads = 96}), [](std::uint32_t i) { return i < 40 ? 1U : 0U; });
}

TEST(Interpreter, AtomicsLoseNothing) {
  const RunShape shape{.threads = 64, .blocks = 3};
  EXPECT_EQ(of_threads("red.global.add.u32 [p], 1;", shape)[0], 192U);
  EXPECT_EQ(of_threads("atom.global.max.u32 %r1, [p], t;", shape)[0], 63U);
  EXPECT_EQ(of_threads("atom.global.or.b32 %r1, [p], t;", shape)[0], 63U);
  EXPECT_EQ(of_threads("atom.global.inc.u32 %r1, [p], 4;", shape)[0], 192U % 5);
  EXPECT_EQ(of_threads("atom.global.cas.b32 %r1, [p], t, 77;", {.threads = 1})[0], 77U);
  const char* shared =
      "setp.eq.u32 %p1, t, 0; @%p1 st.shared.u32 [s], 0; bar.sync 0; atom.shared.add.u32 %r1, [s], 2; "
      "bar.sync 0;"
      "ld.shared.u32 %r2, [s]; st.global.u32 [a], %r2;";
  expect_each(of_threads(shared, {.threads = 64}), [](std::uint32_t) { return 128U; });
}

TEST(Interpreter, FloatsAreAddedInMemory) {
  const auto words = of_threads("cvt.rn.f32.u32 %f1, t; red.global.add.f32 [p], %f1;");
  EXPECT_EQ(std::bit_cast<float>(words[0]), 496.0F);
}

TEST(Interpreter, AccessesHaveTheWidthAndSignOfTheirType) {
  EXPECT_EQ(result_of("ld.global.s8 %r1, [p+1]; st.global.u32 [p], %r1;", {0x8000}), 0xFFFFFF80U);
  EXPECT_EQ(result_of("ld.global.u8 %r1, [p+1]; st.global.u32 [p], %r1;", {0x8000}), 0x80U);
  EXPECT_EQ(result_of("ld.global.u16 %h1, [p+2]; st.global.u16 [p], %h1;", {0x12340000}), 0x12341234U);
  EXPECT_EQ(result_of("ld.global.nc.L1::no_allocate.v4.u32 {%r1,%r2,%r3,%r4}, [p]; st.global.u32 [p], %r3;",
                      {1, 2, 3, 4}),
            1U * 3);
}

TEST(Interpreter, GenericAddressesReachSharedMemory) {
  const char* body =
      "mov.u64 %d1, s; cvta.shared.u64 %d2, %d1; st.u32 [%d2], 5; ld.u32 %r1, [%d2]; isspacep.shared %p1, "
      "%d2;"
      "selp.u32 %r2, %r1, 0, %p1; st.u32 [p], %r2;";
  EXPECT_EQ(result_of(body), 5U);
}

TEST(Interpreter, DynamicSharedMemoryLiesBehindTheStatic) {
  const char* body =
      "st.shared.u32 [dynamic+12], 7; st.shared.u32 [s+1020], 8; ld.shared.u32 %r1, [dynamic+12]; "
      "st.global.u32 [p], %r1;";
  EXPECT_EQ(run_body(body, {0}, {.threads = 1, .shared_bytes = 16})[0], 7U);
}

TEST(Interpreter, PartOfAnAsynchronousCopyMayBeZeros) {
  const char* body =
      "cp.async.cg.shared.global.L2::128B [s], [p], 16, 4; cp.async.commit_group; cp.async.wait_group 0;"
      "ld.shared.v4.u32 {%r1,%r2,%r3,%r4}, [s]; add.u32 %r1, %r1, %r2; add.u32 %r1, %r1, %r4; st.global.u32 "
      "[p], %r1;";
  Memory memory;
  alignas(16) std::array<std::uint32_t, 4> words{9, 1, 1, 1};
  memory.add(words.data(), sizeof words, "words", true);
  Program program(parse(kernel_of(body)), memory);
  Launch launch;
  const auto address = std::bit_cast<std::uint64_t>(words.data());
  launch.parameters.resize(8);
  std::memcpy(launch.parameters.data(), &address, 8);
  program.run("k", launch);
  EXPECT_EQ(words[0], 9U);
}

TEST(Interpreter, VariablesOfTheModuleHoldTheirInitialValues) {
  Memory memory;
  std::vector<std::uint32_t> words(2);
  memory.add(words.data(), 8, "words", false);
  Program program(parse(R"(
.version 9.0
.target sm_80
.address_size 64
.const .align 4 .b32 table[2] = {11, 0x16};
.global .align 1 .b8 bytes[4] = {1, 2};
.entry k(.param .u64 k_param_0) .maxntid 32, 1, 1 {
  .reg .b64 %d<3>;
  .reg .b32 %r<5>;
  ld.param.u64 %d1, [k_param_0];
  ld.const.u32 %r1, [table+4];
  ld.global.u8 %r2, [bytes+1];
  st.global.v2.u32 [%d1], {%r1, %r2};
  ret;
}
)"),
                  memory);
  Launch launch;
  const auto address = std::bit_cast<std::uint64_t>(words.data());
  launch.parameters.resize(8);
  std::memcpy(launch.parameters.data(), &address, 8);
  program.run("k", launch);
  EXPECT_EQ(words, (std::vector<std::uint32_t>{22, 2}));
  EXPECT_EQ(program.executed("k").at(1).warps, 1U);
}

}  // namespace
}  // namespace prophet::ptx
