#include <array>
#include <bit>

#include "tests/cuda_on_cpu/self/simt_test.hpp"

namespace prophet::simt_test {
namespace {

class SimtWarp : public SimtTest {
 protected:
  /// One warp under every order; `lane` gives what lane i has at the end.
  template <class T>
  static void expect_lanes(const std::function<T()>& thread, const std::function<T(int)>& expected,
                           unsigned lanes = 32) {
    under_every_order([&] {
      std::array<T, 32> got{};
      run(1, lanes, [&] { got[threadIdx.x] = thread(); });
      for (unsigned i = 0; i < lanes; ++i) EXPECT_EQ(got[i], expected(static_cast<int>(i))) << "lane " << i;
    });
  }
  static int own() { return static_cast<int>(threadIdx.x) * 10; }
};

TEST_F(SimtWarp, ShuffleTakesTheValueOfTheLaneThatIsNamed) {
  expect_lanes<int>([] { return __shfl_sync(all_lanes, own(), 7); }, [](int) { return 70; });
  expect_lanes<int>([] { return __shfl_sync(all_lanes, own(), static_cast<int>(31 - threadIdx.x)); },
                    [](int lane) { return (31 - lane) * 10; });
  // The lane is taken modulo the width, within the part of that width.
  expect_lanes<int>([] { return __shfl_sync(all_lanes, own(), 9, 8); },
                    [](int lane) { return (lane / 8 * 8 + 1) * 10; });
  expect_lanes<int>([] { return __shfl_sync(all_lanes, own(), -1); }, [](int) { return 310; });
}

TEST_F(SimtWarp, ShuffleUpAndDownKeepTheOwnValueAtTheEdgeOfAPart) {
  expect_lanes<int>([] { return __shfl_up_sync(all_lanes, own(), 3); },
                    [](int lane) { return (lane < 3 ? lane : lane - 3) * 10; });
  expect_lanes<int>([] { return __shfl_up_sync(all_lanes, own(), 1, 4); },
                    [](int lane) { return (lane % 4 < 1 ? lane : lane - 1) * 10; });
  expect_lanes<int>([] { return __shfl_down_sync(all_lanes, own(), 5); },
                    [](int lane) { return (lane + 5 > 31 ? lane : lane + 5) * 10; });
  expect_lanes<int>([] { return __shfl_down_sync(all_lanes, own(), 2, 16); },
                    [](int lane) { return (lane % 16 + 2 > 15 ? lane : lane + 2) * 10; });
  // PTX takes five bits of the distance.
  expect_lanes<int>([] { return __shfl_down_sync(all_lanes, own(), 33); },
                    [](int lane) { return (lane == 31 ? lane : lane + 1) * 10; });
}

TEST_F(SimtWarp, ShuffleXorPairsLanes) {
  for (const int mask : {1, 2, 16, 31}) {
    expect_lanes<int>([mask] { return __shfl_xor_sync(all_lanes, own(), mask); },
                      [mask](int lane) { return (lane ^ mask) * 10; });
  }
  // Earlier parts can be read, later ones cannot.
  expect_lanes<int>([] { return __shfl_xor_sync(all_lanes, own(), 4, 4); },
                    [](int lane) { return (lane % 8 < 4 ? lane : lane - 4) * 10; });
}

TEST_F(SimtWarp, ShuffleCarriesEveryTypeThatCudaHas) {
  expect_lanes<double>([] { return __shfl_xor_sync(all_lanes, 0.5 * own(), 1); },
                       [](int lane) { return 5.0 * (lane ^ 1); });
  expect_lanes<long long>([] { return __shfl_xor_sync(all_lanes, (1LL << 40) + own(), 1); },
                          [](int lane) { return (1LL << 40) + 10 * (lane ^ 1); });
  expect_lanes<float>([] { return __half2float(__shfl_xor_sync(all_lanes, __int2half_rn(own()), 1)); },
                      [](int lane) { return static_cast<float>(10 * (lane ^ 1)); });
  expect_lanes<float>(
      [] {
        const auto pair =
            __shfl_xor_sync(all_lanes, __floats2bfloat162_rn(1.0F, static_cast<float>(threadIdx.x)), 1);
        return __low2float(pair) * __high2float(pair);
      },
      [](int lane) { return static_cast<float>(lane ^ 1); });
}

TEST_F(SimtWarp, VotesCountTheLanesOfTheMask) {
  expect_lanes<unsigned>([] { return __ballot_sync(all_lanes, threadIdx.x % 3 == 0 ? 5 : 0); },
                         [](int) { return 0x49249249U; });
  expect_lanes<int>([] { return __all_sync(all_lanes, 1) * 2 + __any_sync(all_lanes, 0); },
                    [](int) { return 2; });
  expect_lanes<int>(
      [] {
        const int one = threadIdx.x == 13 ? 4 : 0;
        return __all_sync(all_lanes, one) * 2 + __any_sync(all_lanes, one);
      },
      [](int) { return 1; });
}

TEST_F(SimtWarp, MatchFindsTheLanesWithEqualValues) {
  expect_lanes<unsigned>([] { return __match_any_sync(all_lanes, threadIdx.x / 8); },
                         [](int lane) { return 0xFFU << (lane / 8 * 8); });
  expect_lanes<unsigned>(
      [] {
        int same = 0;
        int different = 1;
        const unsigned mask = __match_all_sync(all_lanes, 7.5F, &same);
        const unsigned none = __match_all_sync(all_lanes, threadIdx.x, &different);
        return same == 1 && different == 0 && none == 0 ? mask : 1U;
      },
      [](int) { return all_lanes; });
}

TEST_F(SimtWarp, ReductionsAreThoseOfTheSignedAndTheUnsignedType) {
  expect_lanes<int>([] { return __reduce_add_sync(all_lanes, static_cast<int>(threadIdx.x) - 20); },
                    [](int) { return 31 * 16 - 20 * 32; });
  expect_lanes<int>([] { return __reduce_min_sync(all_lanes, 3 - static_cast<int>(threadIdx.x)); },
                    [](int) { return -28; });
  expect_lanes<int>([] { return __reduce_max_sync(all_lanes, 3 - static_cast<int>(threadIdx.x)); },
                    [](int) { return 3; });
  expect_lanes<unsigned>([] { return __reduce_min_sync(all_lanes, 3U - threadIdx.x); },
                         [](int) { return 0U; });
  expect_lanes<unsigned>([] { return __reduce_max_sync(all_lanes, 3U - threadIdx.x); },
                         [](int) { return all_lanes; });
  expect_lanes<unsigned>([] { return __reduce_and_sync(all_lanes, 0xF0U | threadIdx.x); },
                         [](int) { return 0xF0U; });
  expect_lanes<unsigned>([] { return __reduce_or_sync(all_lanes, threadIdx.x); }, [](int) { return 31U; });
  expect_lanes<unsigned>([] { return __reduce_xor_sync(all_lanes, threadIdx.x == 4 ? 9U : 0U); },
                         [](int) { return 9U; });
}

TEST_F(SimtWarp, PartsOfAWarpMeetApartFromEachOther) {
  expect_lanes<int>(
      [] {
        const bool low = threadIdx.x < 12;
        int sum = own();
        // The lower part meets more often than the upper.
        const int rounds = low ? 5 : 1;
        const unsigned mask = low ? 0xFFFU : ~0xFFFU;
        for (int round = 0; round < rounds; ++round) sum = __shfl_sync(mask, sum, low ? 11 : 12) + 1;
        return sum;
      },
      [](int lane) { return lane < 12 ? 115 : 121; });
}

TEST_F(SimtWarp, APartialLastWarpTakesTheFullMask) {
  for (const unsigned lanes : {1U, 5U, 31U}) {
    expect_lanes<unsigned>([] { return __ballot_sync(all_lanes, 1); },
                           [&](int) { return (1U << lanes) - 1U; }, lanes);
  }
  under_every_order([] {
    std::vector<unsigned> counted(48);
    run(1, 48, [&] { counted[threadIdx.x] = static_cast<unsigned>(__popc(__ballot_sync(all_lanes, 1))); });
    for (unsigned i = 0; i < 48; ++i) EXPECT_EQ(counted[i], i < 32 ? 32U : 16U);
  });
}

TEST_F(SimtWarp, AShuffleFromALaneThatTheLastWarpLacksGivesPoison) {
  expect_lanes<bool>([] { return std::isnan(__shfl_down_sync(all_lanes, 1.0F, 4)); },
                     [](int lane) { return lane >= 16; }, 20);
}

TEST_F(SimtWarp, SyncwarpOrdersSharedMemoryAmongItsLanes) {
  expect_lanes<int>(
      [] {
        __shared__ int shared[32];
        shared[threadIdx.x] = own();
        __syncwarp();
        const int left = shared[(threadIdx.x + 31) % 32];
        __syncwarp();
        return left;
      },
      [](int lane) { return (lane + 31) % 32 * 10; });
}

TEST_F(SimtWarp, ActivemaskHoldsTheOwnLane) {
  expect_lanes<bool>([] { return (__activemask() >> threadIdx.x & 1U) != 0; }, [](int) { return true; });
}

TEST_F(SimtWarp, AMaskWithoutTheCallerIsReported) {
  EXPECT_DEATH(run(1, 32, [] { __syncwarp(0xFFFFU); }),
               "__syncwarp by lane [0-9]+, which is not in its own mask");
}

TEST_F(SimtWarp, AMaskThatNamesAnExitedLaneIsReported) {
  const auto kernel = [] {
    if (threadIdx.x == 9) return;
    __shfl_xor_sync(all_lanes, 1, 1);
  };
  // Whether the lane exits before the others arrive, or while they wait.
  EXPECT_DEATH(
      {
        simt::set_seed(0);
        run(1, 32, kernel);
      },
      "lane 9 exits, but lane 0 waits for it at __shfl_sync");
  EXPECT_DEATH(run(1, 32,
                   [] {
                     if (threadIdx.x == 0) return;
                     __ballot_sync(all_lanes, 1);
                   }),
               "__ballot_sync with mask 0xffffffff names exited lanes 0x00000001");
}

TEST_F(SimtWarp, AShuffleFromOutsideTheMaskIsReported) {
  EXPECT_DEATH(run(1, 32,
                   [] {
                     if (threadIdx.x < 16) __shfl_sync(0xFFFFU, 1, 20);
                   }),
               "shuffles from lane 20, which is not in its mask 0x0000ffff");
}

TEST_F(SimtWarp, DifferentPrimitivesOfOneMaskAreReported) {
  EXPECT_DEATH(run(1, 32,
                   [] {
                     if (threadIdx.x % 2 == 0) {
                       __shfl_sync(all_lanes, 1, 0);
                     } else {
                       __ballot_sync(all_lanes, 1);
                     }
                   }),
               "divergent warp primitives");
}

TEST_F(SimtWarp, DifferentMasksThatOverlapAreReported) {
  EXPECT_DEATH(run(1, 32, [] { __shfl_sync(threadIdx.x < 16 ? all_lanes : ~0xFFFFU, 1, 31); }),
               "divergent warp primitives|names exited lanes|waits for it");
}

TEST_F(SimtWarp, AWidthThatIsNoPowerOfTwoIsReported) {
  EXPECT_DEATH(run(1, 32, [] { __shfl_sync(all_lanes, 1, 0, 12); }), "a shuffle's width");
}

}  // namespace
}  // namespace prophet::simt_test
