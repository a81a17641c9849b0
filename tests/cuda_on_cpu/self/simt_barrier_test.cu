#include <numeric>

#include "tests/cuda_on_cpu/self/simt_test.hpp"

namespace prophet::simt_test {
namespace {

class SimtBarrier : public SimtTest {};

/// Turns an array of up to 1024 values round, by way of shared memory.
template <bool with_barrier>
__global__ void reverse(const int* in, int* out) {
  __shared__ int shared[1024];
  shared[threadIdx.x] = in[threadIdx.x];
  if constexpr (with_barrier) __syncthreads();
  out[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

template <bool with_barrier>
bool reverses(unsigned threads) {
  std::vector<int> in(threads);
  std::vector<int> out(threads);
  std::iota(in.begin(), in.end(), 1);
  simt::run_grid(1, threads, 0, [&] { reverse<with_barrier>(in.data(), out.data()); });
  return std::equal(in.begin(), in.end(), out.rbegin());
}

/// Adds what the left neighbour has, some times over; needs a barrier before the writes and one after.
template <bool before_write, bool after_write>
__global__ void shift_and_add(int rounds, int* out) {
  __shared__ int value[256];
  value[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  for (int round = 0; round < rounds; ++round) {
    const int left = value[(threadIdx.x + blockDim.x - 1) % blockDim.x];
    if constexpr (before_write) __syncthreads();
    value[threadIdx.x] += left;
    if constexpr (after_write) __syncthreads();
  }
  __syncthreads();
  out[threadIdx.x] = value[threadIdx.x];
}

template <bool before_write, bool after_write>
bool shifts_and_adds() {
  constexpr unsigned threads = 96;
  constexpr int rounds = 5;
  std::vector<int> out(threads);
  simt::run_grid(1, threads, 0, [&] { shift_and_add<before_write, after_write>(rounds, out.data()); });
  std::vector<int> expected(threads);
  std::iota(expected.begin(), expected.end(), 0);
  for (int round = 0; round < rounds; ++round) {
    std::vector<int> next = expected;
    for (unsigned i = 0; i < threads; ++i) next[i] += expected[(i + threads - 1) % threads];
    expected = next;
  }
  return out == expected;
}

TEST_F(SimtBarrier, WhatWasWrittenBeforeItIsReadAfterIt) {
  under_every_order([] {
    for (const unsigned threads : {1U, 2U, 31U, 32U, 33U, 255U, 1024U}) EXPECT_TRUE(reverses<true>(threads));
    EXPECT_TRUE((shifts_and_adds<true, true>()));
  });
}

TEST_F(SimtBarrier, AMissingOneIsNoticedInEveryOrder) {
  if (races_are_reported()) GTEST_SKIP() << "a planted race: see SimtRace";
  EXPECT_EQ(orders_that_fail([] { return reverses<false>(256); }), seeds().size());
}

TEST_F(SimtBarrier, AMissingOneInALoopIsNoticedInSomeOrder) {
  if (races_are_reported()) GTEST_SKIP() << "a planted race: see SimtRace";
  EXPECT_GT(orders_that_fail([] { return shifts_and_adds<false, true>(); }), 0U);
  EXPECT_GT(orders_that_fail([] { return shifts_and_adds<true, false>(); }), 0U);
}

TEST_F(SimtBarrier, CountAndAndOrGiveEveryThreadTheSameAnswer) {
  under_every_order([] {
    run(3, 100, [] {
      const bool even = threadIdx.x % 2 == 0;
      const bool counted = __syncthreads_count(even ? 7 : 0) == 50;
      const bool not_all = __syncthreads_and(even ? 1 : 0) == 0;
      const bool all = __syncthreads_and(1) == 1;
      const bool some = __syncthreads_or(threadIdx.x == 99 ? 1 : 0) == 1;
      const bool none = __syncthreads_or(0) == 0;
      if (!counted || !not_all || !all || !some || !none) __trap();
    });
  });
}

TEST_F(SimtBarrier, ThreadsThatExitedAreNotWaitedFor) {
  under_every_order([] {
    std::vector<int> sums(64);
    run(1, 64, [&] {
      if (threadIdx.x >= 40) return;
      sums[threadIdx.x] = __syncthreads_count(1);
    });
    for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(sums[i], i < 40 ? 40 : 0);
  });
}

TEST_F(SimtBarrier, TheLastThreadsExitReleasesThoseThatWait) {
  under_every_order([] {
    unsigned released = 0;
    run(1, 33, [&] {
      if (threadIdx.x == 32) return;
      __syncthreads();
      atomicAdd(&released, 1);
    });
    EXPECT_EQ(released, 32U);
  });
}

__global__ void meet_at_two_places() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST_F(SimtBarrier, MeetingAtTwoPlacesIsReportedWithBoth) {
  EXPECT_DEATH(run(2, 64, meet_at_two_places),
               "divergent __syncthreads.*this one at .*simt_barrier_test.cu.*waiting at __syncthreads in "
               ".*simt_barrier_test.cu:[0-9]+: 32 threads: \\(0,0,0\\) \\(1,0,0\\)");
}

TEST_F(SimtBarrier, MeetingAtTwoKindsIsReported) {
  EXPECT_DEATH(run(1, 64,
                   [] {
                     if (threadIdx.x < 32) {
                       __syncthreads();
                     } else {
                       __syncthreads_count(1);
                     }
                   }),
               "different kinds of __syncthreads");
}

TEST_F(SimtBarrier, ADeadlockIsReportedWithWhoWaitsWhere) {
  simt::set_seed(17);
  EXPECT_DEATH(run(dim3(1, 2), 64,
                   [] {
                     if (threadIdx.x == 3) {
                       __syncthreads();
                     } else {
                       __syncwarp();
                     }
                   }),
               "deadlock.*block \\(0,[01],0\\) of grid \\(1,2,1\\).*"
               "__sync[a-z]+.*simt_barrier_test.cu:[0-9]+.*__sync[a-z]+.*SEED=17");
}

TEST_F(SimtBarrier, CalledByTheHostItIsReported) {
  EXPECT_DEATH(__syncthreads(), "__syncthreads was called outside of a kernel");
}

}  // namespace
}  // namespace prophet::simt_test
