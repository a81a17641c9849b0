#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "tests/cuda_on_cpu/self/simt_test.hpp"
#include "tests/cuda_on_cpu/simt/launch.hpp"

namespace prophet::simt_test {
namespace {

class SimtGrid : public SimtTest {
 protected:
  /// The ranks of a block's threads in the order in which they ran.
  static std::vector<unsigned> order_of_threads(std::uint64_t seed) {
    simt::set_seed(seed);
    std::vector<unsigned> order(200);
    unsigned next = 0;
    run(1, 200, [&] { order[atomicAdd(&next, 1)] = threadIdx.x; });
    return order;
  }
};

TEST_F(SimtGrid, EveryThreadRunsOnceWithItsOwnIndices) {
  const dim3 grid(3, 4, 5);
  const dim3 block(7, 3, 2);
  under_every_order([&] {
    std::vector<int> runs(60 * 42);
    run(grid, block, [&] {
      const bool right = gridDim.x == 3 && gridDim.y == 4 && gridDim.z == 5 && blockDim.x == 7 &&
                         blockDim.y == 3 && blockDim.z == 2 && blockIdx.x < 3 && blockIdx.y < 4 &&
                         blockIdx.z < 5 && threadIdx.x < 7 && threadIdx.y < 3 && threadIdx.z < 2 &&
                         warpSize == 32;
      if (!right) __trap();
      __syncthreads();  // the indices are the thread's own after others have run, too
      const unsigned block_number = blockIdx.x + 3 * (blockIdx.y + 4 * blockIdx.z);
      const unsigned rank = threadIdx.x + 7 * (threadIdx.y + 3 * threadIdx.z);
      atomicAdd(&runs[block_number * 42 + rank], 1);
    });
    EXPECT_EQ(std::count(runs.begin(), runs.end(), 1), 60 * 42);
  });
}

TEST_F(SimtGrid, LanesAreNumberedWithXFirst) {
  run(1, dim3(8, 4, 2), [] {
    const unsigned rank = threadIdx.x + 8 * (threadIdx.y + 4 * threadIdx.z);
    if (__shfl_sync(all_lanes, static_cast<int>(rank), 5) != static_cast<int>(rank / 32 * 32 + 5)) __trap();
  });
}

TEST_F(SimtGrid, ManyBlocksAndThreadsAndAtomicsAcrossThem) {
  simt::set_workers(4);
  unsigned long long threads = 0;
  unsigned largest = 0;
  run(5000, 32, [&] {
    atomicAdd(&threads, 1ULL);
    atomicMax(&largest, blockIdx.x);
  });
  run(dim3(2, 2), dim3(32, 32), [&] {
    __syncthreads();
    atomicAdd(&threads, 1ULL);
  });
  EXPECT_EQ(threads, 5000U * 32 + 4 * 1024);
  EXPECT_EQ(largest, 4999U);
}

TEST_F(SimtGrid, BlocksRunOnAsManyOsThreadsAsThereAreWorkers) {
  for (const unsigned workers : {1U, 3U}) {
    simt::set_workers(workers);
    std::mutex mutex;
    std::set<std::thread::id> used;
    run(300, 1, [&] {
      const std::lock_guard lock(mutex);
      used.insert(std::this_thread::get_id());
    });
    EXPECT_LE(used.size(), simt::options().workers);
    EXPECT_FALSE(used.contains(std::this_thread::get_id()));
  }
}

TEST_F(SimtGrid, ThreadsRunInTheOrderOfTheSeed) {
  std::vector<unsigned> ascending(200);
  for (unsigned i = 0; i < 200; ++i) ascending[i] = i;
  const std::vector<unsigned> descending(ascending.rbegin(), ascending.rend());
  EXPECT_EQ(order_of_threads(0), ascending);
  EXPECT_EQ(order_of_threads(1), descending);
  const std::vector<unsigned> one = order_of_threads(2);
  const std::vector<unsigned> other = order_of_threads(3);
  EXPECT_NE(one, ascending);
  EXPECT_NE(one, other);
  EXPECT_EQ(order_of_threads(2), one);
  EXPECT_TRUE(std::is_permutation(one.begin(), one.end(), ascending.begin(), ascending.end()));
}

TEST_F(SimtGrid, SeveralOsThreadsMayRunGridsAtOnce) {
  std::vector<std::thread> callers;
  std::atomic<unsigned> wrong = 0;
  for (unsigned caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&wrong, caller] {
      for (unsigned round = 0; round < 50; ++round) {
        unsigned sum = 0;
        simt::run_grid(3, 40, 0, [&] { atomicAdd(&sum, caller + __syncthreads_count(1) - 40U); });
        if (sum != caller * 120) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0U);
}

TEST_F(SimtGrid, StatisticsCountGridsBlocksAndThreads) {
  const simt::Statistics before = simt::statistics();
  run(7, 3, [] {});
  const simt::Statistics after = simt::statistics();
  EXPECT_EQ(after.grids - before.grids, 1U);
  EXPECT_EQ(after.blocks - before.blocks, 7U);
  EXPECT_EQ(after.threads - before.threads, 21U);
}

__global__ void add_arguments(int* sum, float a, short b) {
  atomicAdd(sum, static_cast<int>(a) + b);
}

TEST_F(SimtGrid, ALaunchCopiesItsArguments) {
  int sum = 0;
  float a = 3;
  ASSERT_EQ(simt::launch(add_arguments, 2, 4, 0, nullptr, &sum, a, 2), cudaSuccess);
  a = 100;
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(sum, 8 * 5);
}

TEST_F(SimtGrid, ImpossibleShapesAreReported) {
  EXPECT_DEATH(run(0, 1, [] {}), "a grid without blocks");
  EXPECT_DEATH(run(1, dim3(0, 1), [] {}), "a block of 0 threads");
  EXPECT_DEATH(run(1, dim3(1024, 2), [] {}), "a block of 2048 threads: expected 1 to 1024");
  EXPECT_DEATH(run(
                   1, 1, [] {}, 227 * 1024 + 1),
               "expected at most 232448");
}

TEST_F(SimtGrid, TrapIsReportedWithBlockAndThread) {
  EXPECT_DEATH(
      run(dim3(1, 3), dim3(4, 4),
          [] {
            if (blockIdx.y == 2 && threadIdx.x == 1 && threadIdx.y == 3) __trap();
          }),
      "__trap\\(\\) was called.*block \\(0,2,0\\) of grid \\(1,3,1\\), thread \\(1,3,0\\) of \\(4,4,1\\)");
}

TEST_F(SimtGrid, NanosleepLetsOtherThreadsRun) {
  under_every_order([] {
    run(1, 64, [] {
      __shared__ int arrived;
      if (threadIdx.x == 0) atomicExch(&arrived, 0);
      __syncthreads();
      atomicAdd(&arrived, 1);
      while (atomicAdd(&arrived, 0) != 64) __nanosleep(100);
    });
  });
}

}  // namespace
}  // namespace prophet::simt_test
