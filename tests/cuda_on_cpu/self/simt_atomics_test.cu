#include <limits>
#include <set>

#include "tests/cuda_on_cpu/self/simt_test.hpp"

namespace prophet::simt_test {
namespace {

constexpr int blocks = 40;
constexpr int threads_of_block = 50;
constexpr int threads_in_all = blocks * threads_of_block;

class SimtAtomics : public SimtTest {
 protected:
  void SetUp() override {
    SimtTest::SetUp();
    simt::set_workers(4);
  }
  static void run_all(const std::function<void()>& thread) { run(blocks, threads_of_block, thread); }
  static int number() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }
};

template <class T>
class SimtAtomicAdd : public SimtAtomics {};
using Added = ::testing::Types<int, unsigned, unsigned long long, float, double>;
TYPED_TEST_SUITE(SimtAtomicAdd, Added);

TYPED_TEST(SimtAtomicAdd, LosesNothingAcrossBlocks) {
  this->under_every_order([] {
    TypeParam sum = 5;
    simt::run_grid(blocks, threads_of_block, 0, [&] { atomicAdd(&sum, 2); });
    EXPECT_EQ(sum, static_cast<TypeParam>(5 + 2 * threads_in_all));
  });
}

TEST_F(SimtAtomics, AddTo16BitValuesAndPairs) {
  __half half = __float2half(1.0F);
  __half2 pair = __floats2half2_rn(0.0F, 1.0F);
  __nv_bfloat162 brain_pair = __floats2bfloat162_rn(0.0F, 2.0F);
  run(10, 10, [&] {
    atomicAdd(&half, __float2half(1.0F));
    atomicAdd(&pair, __floats2half2_rn(1.0F, 2.0F));
    atomicAdd(&brain_pair, __floats2bfloat162_rn(1.0F, 1.0F));
  });
  EXPECT_EQ(__half2float(half), 101.0F);
  EXPECT_EQ(__low2float(pair), 100.0F);
  EXPECT_EQ(__high2float(pair), 201.0F);
  EXPECT_EQ(__low2float(brain_pair), 100.0F);
  EXPECT_EQ(__high2float(brain_pair), 102.0F);
}

TEST_F(SimtAtomics, EachReturnsWhatStoodThereBefore) {
  under_every_order([] {
    unsigned counter = 0;
    std::vector<int> seen(threads_in_all);
    run_all([&] { seen[atomicAdd(&counter, 1)] += 1; });
    EXPECT_EQ(seen, std::vector<int>(threads_in_all, 1));
    int value = 7;
    run(1, 1, [&] {
      const bool right =
          atomicExch(&value, 9) == 7 && atomicSub(&value, 4) == 9 && atomicMin(&value, -2) == 5 &&
          atomicMax(&value, 6) == -2 && atomicAnd(&value, 12) == 6 && atomicOr(&value, 3) == 4 &&
          atomicXor(&value, 1) == 7 && atomicCAS(&value, 5, 8) == 6 && atomicCAS(&value, 6, 8) == 6;
      if (!right) __trap();
    });
    EXPECT_EQ(value, 8);
  });
}

TEST_F(SimtAtomics, MinimumAndMaximumFollowTheSign) {
  int least = 0;
  unsigned greatest = 0;
  long long least_wide = 0;
  unsigned long long greatest_wide = 0;
  run_all([&] {
    atomicMin(&least, 100 - number());
    atomicMax(&greatest, 0U - static_cast<unsigned>(number()));
    atomicMin(&least_wide, -(1LL << 40) * number());
    atomicMax(&greatest_wide, (1ULL << 40) * static_cast<unsigned long long>(number()));
  });
  EXPECT_EQ(least, 101 - threads_in_all);
  EXPECT_EQ(greatest, std::numeric_limits<unsigned>::max());
  EXPECT_EQ(least_wide, -(1LL << 40) * (threads_in_all - 1));
  EXPECT_EQ(greatest_wide, (1ULL << 40) * (threads_in_all - 1));
}

TEST_F(SimtAtomics, IncrementAndDecrementWrapAtTheirLimit) {
  unsigned up = 0;
  unsigned down = 3;
  unsigned beyond = 10;
  run(1, 7, [&] {
    atomicInc(&up, 4);
    atomicDec(&down, 4);
  });
  run(1, 1, [&] { atomicDec(&beyond, 4); });
  EXPECT_EQ(up, 2U);    // 1 2 3 4 0 1 2
  EXPECT_EQ(down, 1U);  // 2 1 0 4 3 2 1
  EXPECT_EQ(beyond, 4U);
}

TEST_F(SimtAtomics, ALoopOfCompareAndSwapLosesNothing) {
  under_every_order([] {
    unsigned long long bits = 0;  // of a double
    run_all([&] {
      unsigned long long seen = atomicAdd(&bits, 0);
      unsigned long long expected = 0;
      do {
        expected = seen;
        const double sum = __longlong_as_double(static_cast<long long>(expected)) + 1.0;
        seen = atomicCAS(&bits, expected, static_cast<unsigned long long>(__double_as_longlong(sum)));
      } while (seen != expected);
    });
    EXPECT_EQ(__longlong_as_double(static_cast<long long>(bits)), threads_in_all);
  });
}

TEST_F(SimtAtomics, TheLastBlockSeesWhatTheOthersWrote) {
  under_every_order([] {
    std::vector<int> parts(blocks);
    unsigned ticket = 0;
    int sum = 0;
    run_all([&] {
      __shared__ int of_block;
      __shared__ bool last;
      if (threadIdx.x == 0) of_block = 0;
      __syncthreads();
      atomicAdd(&of_block, 1);
      __syncthreads();
      if (threadIdx.x == 0) {
        parts[blockIdx.x] = of_block;
        __threadfence();
        last = atomicAdd(&ticket, 1) == gridDim.x - 1;
        __threadfence();
      }
      __syncthreads();
      if (last && threadIdx.x == 0) {
        for (const int part : parts) sum += part;
      }
    });
    EXPECT_EQ(sum, threads_in_all);
  });
}

TEST_F(SimtAtomics, RandomOrdersLetOtherThreadsInBetween) {
  std::set<std::vector<unsigned>> outcomes;
  for (std::uint64_t seed = 2; seed < 12; ++seed) {
    simt::set_seed(seed);
    std::vector<unsigned> order(64);
    run(1, 32, [&] {
      __shared__ unsigned next;
      if (threadIdx.x == 0) next = 0;
      __syncthreads();
      for (int round = 0; round < 2; ++round) order[atomicAdd(&next, 1)] = threadIdx.x;
    });
    outcomes.insert(order);
    // Without preemption each thread would take both of its places in a row.
    bool apart = false;
    for (std::size_t i = 0; i < 64; i += 2) apart = apart || order[i] != order[i + 1];
    EXPECT_TRUE(apart) << "seed " << seed;
  }
  EXPECT_GT(outcomes.size(), 1U);
}

}  // namespace
}  // namespace prophet::simt_test
