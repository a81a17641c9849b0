#include <cuda_pipeline_primitives.h>

#include <numeric>

#include "kernels/cuda/launch.cuh"
#include "tests/cuda_on_cpu/self/simt_test.hpp"

namespace prophet::simt_test {
namespace {

class SimtAsyncCopy : public SimtTest {
 protected:
  static void run_one(const std::function<void(float* shared)>& thread) {
    run(
        1, 1,
        [&] {
          PROPHET_DYNAMIC_SHARED(float, shared);
          thread(shared);
        },
        1024);
  }
  alignas(16) static inline const float global[8] = {1, 2, 3, 4, 5, 6, 7, 8};
};

TEST_F(SimtAsyncCopy, ArrivesWithTheWait) {
  run_one([](float* shared) {
    __pipeline_memcpy_async(shared, global, 16);
    __pipeline_memcpy_async(shared + 4, global + 4, 8);
    __pipeline_memcpy_async(shared + 6, global + 6, 4);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    for (int i = 0; i < 7; ++i) {
      if (shared[i] != global[i]) __trap();
    }
  });
}

TEST_F(SimtAsyncCopy, ReachesStaticSharedMemory) {
  run(1, 2, [] {
    __shared__ float values[2];
    __pipeline_memcpy_async(&values[threadIdx.x], &global[threadIdx.x], 4);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    __syncthreads();
    if (values[1 - threadIdx.x] != global[1 - threadIdx.x]) __trap();
  });
}

TEST_F(SimtAsyncCopy, FillsTheEndWithZeros) {
  run_one([](float* shared) {
    __pipeline_memcpy_async(shared, global, 16, 8);
    __pipeline_memcpy_async(shared + 4, global, 16, 16);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    const float expected[] = {1, 2, 0, 0, 0, 0, 0, 0};
    for (int i = 0; i < 8; ++i) {
      if (shared[i] != expected[i]) __trap();
    }
  });
}

TEST_F(SimtAsyncCopy, BeforeTheWaitThereIsPoison) {
  run_one([](float* shared) {
    shared[0] = 42;  // what a pipeline left there two tiles ago
    __pipeline_memcpy_async(shared, global, 4);
    if (!std::isnan(shared[0])) __trap();
    __pipeline_commit();
    if (!std::isnan(shared[0])) __trap();
    __pipeline_wait_prior(1);
    if (!std::isnan(shared[0])) __trap();
    __pipeline_wait_prior(0);
    if (shared[0] != 1) __trap();
  });
}

TEST_F(SimtAsyncCopy, WaitLeavesTheNewestGroups) {
  run_one([](float* shared) {
    for (int i = 0; i < 5; ++i) {
      __pipeline_memcpy_async(shared + i, global + i, 4);
      __pipeline_commit();
    }
    for (const int left : {3, 3, 1, 0}) {
      __pipeline_wait_prior(static_cast<std::size_t>(left));
      for (int i = 0; i < 5; ++i) {
        const bool arrived = shared[i] == global[i];
        if (arrived != (i < 5 - left)) __trap();
      }
    }
  });
}

TEST_F(SimtAsyncCopy, EmptyGroupsCount) {
  run_one([](float* shared) {
    __pipeline_memcpy_async(shared, global, 4);
    __pipeline_commit();
    __pipeline_commit();
    __pipeline_commit();
    __pipeline_wait_prior(2);
    if (shared[0] != 1) __trap();
  });
}

TEST_F(SimtAsyncCopy, WhatWasNotCommittedIsNotWaitedFor) {
  EXPECT_DEATH(run_one([](float* shared) {
                 __pipeline_memcpy_async(shared, global, 4);
                 __pipeline_wait_prior(0);
                 if (!std::isnan(shared[0])) __trap();
               }),
               "exits with 1 asynchronous copies that it did not commit and wait for");
}

TEST_F(SimtAsyncCopy, MisuseIsReported) {
  EXPECT_DEATH(run_one([](float* shared) { __pipeline_memcpy_async(shared, global, 12); }),
               "an asynchronous copy of 12 bytes: expected 4, 8 or 16");
  EXPECT_DEATH(run_one([](float* shared) { __pipeline_memcpy_async(shared, global + 1, 16); }),
               "not aligned");
  EXPECT_DEATH(run_one([](float* shared) { __pipeline_memcpy_async(shared + 1, global, 8); }), "not aligned");
  EXPECT_DEATH(run_one([](float* shared) { __pipeline_memcpy_async(shared, global, 4, 5); }),
               "fills 5 bytes of 4");
  EXPECT_DEATH(run_one([](float* shared) { __pipeline_memcpy_async(shared + 256, global, 4); }),
               "to what is not this block's shared memory");
  EXPECT_DEATH(run_one([](float* shared) { __pipeline_memcpy_async(shared, shared + 4, 16); }),
               "from shared memory: expected global");
}

/// Tiles through two buffers, as a kernel does; each thread reads what others copied.
template <bool waits, bool before_reading, bool before_refilling>
__global__ void sum_tiles(const float* tiles, int count, float* sums) {
  __shared__ float buffer[2][64];
  const auto fetch = [&](int tile) {
    if (tile < count)
      __pipeline_memcpy_async(&buffer[tile % 2][threadIdx.x], tiles + tile * 64 + threadIdx.x, 4);
    __pipeline_commit();
  };
  float sum = 0;
  fetch(0);
  for (int tile = 0; tile < count; ++tile) {
    fetch(tile + 1);
    if constexpr (waits) __pipeline_wait_prior(1);
    if constexpr (before_reading) __syncthreads();
    sum += buffer[tile % 2][63 - threadIdx.x];
    if constexpr (before_refilling) __syncthreads();
  }
  __pipeline_wait_prior(0);
  sums[threadIdx.x] = sum;
}

template <bool waits, bool before_reading, bool before_refilling>
bool sums_tiles() {
  constexpr int count = 7;
  std::vector<float> tiles(count * 64);
  std::iota(tiles.begin(), tiles.end(), 0.0F);
  std::vector<float> sums(64);
  simt::run_grid(1, 64, 0, [&] {
    sum_tiles<waits, before_reading, before_refilling>(tiles.data(), count, sums.data());
  });
  for (int i = 0; i < 64; ++i) {
    float expected = 0;
    for (int tile = 0; tile < count; ++tile) expected += tiles[static_cast<std::size_t>(tile * 64 + 63 - i)];
    if (sums[static_cast<std::size_t>(i)] != expected) return false;
  }
  return true;
}

TEST_F(SimtAsyncCopy, APipelineOfTwoBuffersWorksInEveryOrder) {
  under_every_order([] { EXPECT_TRUE((sums_tiles<true, true, true>())); });
}

TEST_F(SimtAsyncCopy, AMissingWaitIsNoticedInEveryOrder) {
  if (races_are_reported()) GTEST_SKIP() << "a planted race: see SimtRace";
  EXPECT_EQ(orders_that_fail([] { return sums_tiles<false, true, true>(); }), seeds().size());
}

TEST_F(SimtAsyncCopy, AMissingBarrierAroundThePipelineIsNoticedInSomeOrder) {
  if (races_are_reported()) GTEST_SKIP() << "a planted race: see SimtRace";
  EXPECT_GT(orders_that_fail([] { return sums_tiles<true, false, true>(); }), 0U);
  EXPECT_GT(orders_that_fail([] { return sums_tiles<true, true, false>(); }), 0U);
}

}  // namespace
}  // namespace prophet::simt_test
