#include <cuda_pipeline_primitives.h>

#include <cstdlib>

#include "tests/cuda_on_cpu/self/simt_test.hpp"
#include "tests/cuda_on_cpu/simt/sanitizers.hpp"

// Races planted in kernels, each beside the same kernel without it: ThreadSanitizer must report the one,
// whatever the order of threads made of the values, and keep silent about the other.
namespace prophet::simt_test {

constexpr unsigned threads = 64;
// With external linkage, so that the compiler cannot leave out what nothing here reads.
extern int global_values[threads];
extern unsigned global_counter;
extern float tiles[threads];
extern float sink[threads];
int global_values[threads];
unsigned global_counter;
alignas(16) float tiles[threads];
float sink[threads];

namespace {

template <bool planted>
__global__ void neighbour_through_shared_memory() {
  __shared__ int values[threads];
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  if constexpr (!planted) __syncthreads();
  global_values[threadIdx.x] = values[(threadIdx.x + 1) % threads];
}

template <bool planted>
__global__ void overwritten_while_read() {
  __shared__ int values[threads];
  for (int round = 0; round < 3; ++round) {
    values[threadIdx.x] = round;
    __syncthreads();
    global_values[threadIdx.x] += values[threads - 1 - threadIdx.x];
    if constexpr (!planted) __syncthreads();
  }
}

template <bool planted>
__global__ void shuffle_taken_for_a_barrier() {
  __shared__ int values[threads];
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  if constexpr (planted) {
    static_cast<void>(__shfl_sync(all_lanes, 1, 0));
  } else {
    __syncwarp();
  }
  global_values[threadIdx.x] = values[threadIdx.x ^ 1U];
}

template <bool planted>
__global__ void counter_of_all_blocks() {
  if constexpr (planted) {
    ++global_counter;
  } else {
    atomicAdd(&global_counter, 1);
  }
}

template <bool planted>
__global__ void result_of_another_block() {
  if (threadIdx.x != 0) return;
  global_values[blockIdx.x] = 1;
  if constexpr (!planted) __threadfence();
  const bool last = atomicAdd(&global_counter, 1) == gridDim.x - 1;
  if constexpr (!planted) __threadfence();
  if (!last) return;
  int sum = 0;
  for (unsigned i = 0; i < gridDim.x; ++i) sum += global_values[i];
  sink[0] = static_cast<float>(sum);
}

template <bool planted>
__global__ void copy_read_by_others_without_a_barrier() {
  __shared__ float tile[threads];
  __pipeline_memcpy_async(&tile[threadIdx.x], &tiles[threadIdx.x], 4);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  if constexpr (!planted) __syncthreads();
  sink[threadIdx.x] = tile[threads - 1 - threadIdx.x];
}

template <bool planted>
__global__ void source_changed_while_copied() {
  __shared__ float tile[threads];
  if (threadIdx.x == 0) __pipeline_memcpy_async(tile, tiles, 16);
  __pipeline_commit();
  if constexpr (!planted) {
    __pipeline_wait_prior(0);
    __syncthreads();
  }
  if (threadIdx.x == 1) tiles[1] = 5;
  __pipeline_wait_prior(0);
}

class SimtRace : public SimtTest {
 protected:
  void SetUp() override {
    if (!simt::under_tsan()) GTEST_SKIP() << "needs ThreadSanitizer: preset cuda-on-cpu-tsan";
    SimtTest::SetUp();
  }
  /// In a process of its own, as a report changes the exit code of the whole process.
  [[noreturn]] static void run_and_exit(dim3 grid, void (*kernel)()) {
    global_counter = 0;
    simt::run_grid(grid, threads, 0, kernel);
    std::exit(0);
  }
  static void expect_only_the_planted(dim3 grid, void (*planted)(), void (*clean)()) {
    constexpr int tsan_exit_code = 66;
    EXPECT_EXIT(run_and_exit(grid, planted), ::testing::ExitedWithCode(tsan_exit_code),
                "data race.*simt_race_test.cu");
    EXPECT_EXIT(run_and_exit(grid, clean), ::testing::ExitedWithCode(0), "");
  }
};

#define PROPHET_EXPECT_ONLY_THE_PLANTED(grid, kernel) \
  expect_only_the_planted(grid, kernel<true>, kernel<false>)

TEST_F(SimtRace, AMissingBarrier) {
  PROPHET_EXPECT_ONLY_THE_PLANTED(1, neighbour_through_shared_memory);
}
TEST_F(SimtRace, AMissingSecondBarrierInALoop) {
  PROPHET_EXPECT_ONLY_THE_PLANTED(1, overwritten_while_read);
}
TEST_F(SimtRace, AShuffleThatOrdersNoMemory) {
  PROPHET_EXPECT_ONLY_THE_PLANTED(1, shuffle_taken_for_a_barrier);
}
TEST_F(SimtRace, APlainCounterOfAllBlocks) {
  PROPHET_EXPECT_ONLY_THE_PLANTED(2, counter_of_all_blocks);
}
TEST_F(SimtRace, AMissingFenceBeforeTheLastBlock) {
  PROPHET_EXPECT_ONLY_THE_PLANTED(8, result_of_another_block);
}
TEST_F(SimtRace, AMissingBarrierAfterAnAsynchronousCopy) {
  PROPHET_EXPECT_ONLY_THE_PLANTED(1, copy_read_by_others_without_a_barrier);
}
TEST_F(SimtRace, ASourceThatChangesDuringAnAsynchronousCopy) {
  PROPHET_EXPECT_ONLY_THE_PLANTED(1, source_changed_while_copied);
}

}  // namespace
}  // namespace prophet::simt_test
