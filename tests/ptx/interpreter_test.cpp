#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/ptx/program.hpp"

namespace prophet::ptx {
namespace {

TEST(PtxProgram, RunsEveryThreadOfEveryBlock) {
  Memory memory;
  std::vector<std::uint32_t> out(96);
  memory.add(out.data(), out.size() * 4, "out", false);
  Program program(parse(R"(
.version 9.0
.target sm_80
.address_size 64
.visible .entry store(.param .u64 store_param_0) {
  .reg .b32 %r<5>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [store_param_0];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mad.lo.s32 %r4, %r2, %r3, %r1;
  mul.wide.u32 %rd2, %r4, 4;
  add.s64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r4;
  ret;
}
)"),
                  memory);
  Launch launch{.grid = {3}, .block = {32}};
  const auto address = reinterpret_cast<std::uint64_t>(out.data());
  launch.parameters.resize(8);
  std::memcpy(launch.parameters.data(), &address, 8);
  program.run("store", launch);
  for (std::uint32_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], i);
}

}  // namespace
}  // namespace prophet::ptx
