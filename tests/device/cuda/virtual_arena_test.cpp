// The boundary moved by mapping, with every driver call failing once.
#include "runtime/device/cuda/virtual_arena.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/device/cuda/gpu.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::cuda {
namespace {

namespace vehicle = cuda_on_cpu;

constexpr std::uint64_t block_bytes = 2ULL << 20;
constexpr std::uint32_t all_blocks = 6;

class VirtualArenaTest : public ::testing::Test {
 protected:
  VirtualArenaTest() { static_cast<void>(open_gpu(0)); }
  void TearDown() override { vehicle::clear_faults(); }

  void write(const VirtualArena& arena, Side side, std::uint32_t block, int value) {
    std::vector<unsigned char> bytes(64, static_cast<unsigned char>(value));
    status_.check(cudaMemcpy(arena.address(side) + block * arena.block_bytes(), bytes.data(), bytes.size(),
                             cudaMemcpyHostToDevice),
                  "cudaMemcpy", "test");
    status_.check(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize", "test");
  }
  int read(const VirtualArena& arena, Side side, std::uint32_t block) {
    unsigned char value = 0;
    status_.check(
        cudaMemcpy(&value, arena.address(side) + block * arena.block_bytes(), 1, cudaMemcpyDeviceToHost),
        "cudaMemcpy", "test");
    return value;
  }
  /// Numbers every block of both sides.
  void number(const VirtualArena& arena) {
    int value = 1;
    for (const Side side : {Side::experts, Side::pages}) {
      for (std::uint32_t b = 0; b < arena.blocks(side); ++b) write(arena, side, b, value++);
    }
  }
  void expect_numbered(const VirtualArena& arena) {
    int value = 1;
    for (const Side side : {Side::experts, Side::pages}) {
      for (std::uint32_t b = 0; b < arena.blocks(side); ++b) EXPECT_EQ(read(arena, side, b), value++);
    }
  }

  Status status_;
};

TEST_F(VirtualArenaTest, BlocksMoveWithWhatTheyHoldAndTheRestStaysWhereItIs) {
  const vehicle::LiveObjects before = vehicle::live_objects();
  {
    VirtualArena arena(0, block_bytes - 5, all_blocks, status_);
    EXPECT_EQ(arena.block_bytes(), block_bytes);
    EXPECT_EQ(arena.blocks(Side::experts), all_blocks);
    number(arena);
    std::byte* const experts = arena.address(Side::experts);
    arena.give(Side::pages, 2);
    EXPECT_EQ(arena.blocks(Side::experts), 4U);
    EXPECT_EQ(read(arena, Side::pages, 0), 6);
    EXPECT_EQ(read(arena, Side::pages, 1), 5);
    EXPECT_EQ(read(arena, Side::experts, 3), 4);
    arena.give(Side::experts, 2);
    EXPECT_EQ(arena.address(Side::experts), experts);
    expect_numbered(arena);
    EXPECT_THROW(arena.give(Side::experts, 1), Error);
    arena.give(Side::pages, all_blocks);
    EXPECT_EQ(arena.blocks(Side::pages), all_blocks);
    EXPECT_EQ(vehicle::live_objects().vmm_mappings, before.vmm_mappings + all_blocks);
  }
  EXPECT_EQ(vehicle::live_objects(), before);
}

TEST_F(VirtualArenaTest, AMoveThatFailsAtAnyDriverCallLeavesBothSidesWhole) {
  for (const char* function : {"cuMemMap", "cuMemSetAccess", "cuMemUnmap"}) {
    for (std::uint64_t nth = 1; nth <= 3; ++nth) {
      SCOPED_TRACE(std::string(function) + " number " + std::to_string(nth));
      const vehicle::LiveObjects before = vehicle::live_objects();
      {
        VirtualArena arena(0, block_bytes, all_blocks, status_);
        number(arena);
        vehicle::fail_call(function, nth, cudaErrorMemoryAllocation);
        bool refused = false;
        try {
          arena.give(Side::pages, 3);
        } catch (const Error& error) {
          refused = true;
          EXPECT_EQ(error.code(), ErrorCode::out_of_memory) << error.what();
        }
        vehicle::clear_faults();
        EXPECT_EQ(arena.blocks(Side::experts), refused ? all_blocks : 3U);
        if (refused) expect_numbered(arena);
        arena.give(Side::experts, arena.blocks(Side::pages));
        expect_numbered(arena);
        arena.give(Side::pages, all_blocks);
        EXPECT_EQ(arena.blocks(Side::pages), all_blocks);
      }
      EXPECT_EQ(vehicle::live_objects(), before) << vehicle::to_string(vehicle::live_objects());
    }
  }
}

TEST_F(VirtualArenaTest, AnArenaThatCannotBeMadeLeavesNothing) {
  const vehicle::LiveObjects before = vehicle::live_objects();
  vehicle::forget_calls();
  { const VirtualArena arena(0, block_bytes, all_blocks, status_); }
  for (const auto& [function, count] : vehicle::calls()) {
    for (std::uint64_t nth = 1; nth <= count; ++nth) {
      SCOPED_TRACE(function + " number " + std::to_string(nth));
      vehicle::fail_call(function, nth, cudaErrorMemoryAllocation);
      try {
        const VirtualArena arena(0, block_bytes, all_blocks, status_);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::out_of_memory) << error.what();
      }
      vehicle::clear_faults();
      EXPECT_EQ(vehicle::live_objects(), before) << vehicle::to_string(vehicle::live_objects());
    }
  }
  EXPECT_THROW(VirtualArena(0, block_bytes, 0, status_), Error);
}

TEST_F(VirtualArenaTest, AnyOrderOfMovesKeepsEveryBlock) {
  Random random(testing::fresh_seed());
  VirtualArena arena(0, block_bytes, all_blocks, status_);
  for (int move = 0; move < 60; ++move) {
    const Side to = random.chance(0.5) ? Side::pages : Side::experts;
    const std::uint32_t room = all_blocks - arena.blocks(to);
    if (random.chance(0.2)) vehicle::fail_call("cuMemMap", 1 + random.below(3), cudaErrorMemoryAllocation);
    try {
      arena.give(to, static_cast<std::uint32_t>(random.below(room + 1)));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::out_of_memory) << error.what();
    }
    vehicle::clear_faults();
    ASSERT_EQ(arena.blocks(Side::experts) + arena.blocks(Side::pages), all_blocks);
    number(arena);
    expect_numbered(arena);
  }
}

}  // namespace
}  // namespace prophet::cuda
