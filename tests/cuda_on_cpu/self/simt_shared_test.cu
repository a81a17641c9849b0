#include <cuda_fp8.h>

#include <array>
#include <cstddef>

#include "kernels/cuda/launch.cuh"
#include "tests/cuda_on_cpu/self/simt_test.hpp"

namespace prophet::simt_test {
namespace {

class SimtShared : public SimtTest {};

constexpr bool under_asan =
#ifdef PROPHET_SIMT_SHARED_IS_GLOBAL
    true;
#else
    false;
#endif

bool is_poison(const void* begin, std::size_t bytes) {
  const auto* byte = static_cast<const unsigned char*>(begin);
  for (std::size_t i = 0; i < bytes; ++i) {
    if (byte[i] != 0xFF) return false;
  }
  return true;
}

template <class T>
__device__ bool template_variable_is_poison() {
  __shared__ T values[5][7];
  const bool poison = is_poison(values, sizeof values);
  __syncthreads();
  if (threadIdx.x < 5) values[threadIdx.x][threadIdx.x] = T(3.0F);
  return poison;
}

__global__ void see_static_poison(int* wrong) {
  struct Pair {
    float4 four;
    int count;
  };
  __shared__ double numbers[3];
  __shared__ __align__(128) Pair pairs[2];
  __align__(16) __shared__ unsigned char bytes[33];
  __shared__ int one;
  const bool poison = is_poison(numbers, sizeof numbers) && is_poison(pairs, sizeof pairs) &&
                      is_poison(bytes, sizeof bytes) && one == -1;
  const bool aligned =
      reinterpret_cast<std::uintptr_t>(pairs) % 128 == 0 && reinterpret_cast<std::uintptr_t>(bytes) % 16 == 0;
  const bool others = template_variable_is_poison<float>() && template_variable_is_poison<__half>() &&
                      template_variable_is_poison<__nv_bfloat16>();
  if (!poison || !aligned || !others) atomicAdd(wrong, 1);
  __syncthreads();
  bytes[threadIdx.x] = 1;
  if (threadIdx.x != 0) return;
  numbers[1] = 1;
  pairs[1] = {};
  one = 2;
}

TEST_F(SimtShared, StaticMemoryIsPoisonAtTheBeginningOfEveryBlock) {
  under_every_order([] {
    int wrong = 0;
    run(20, 33, [&] { see_static_poison(&wrong); });
    EXPECT_EQ(wrong, 0);
  });
}

__global__ void see_dynamic_poison(unsigned bytes, int* wrong) {
  PROPHET_DYNAMIC_SHARED(unsigned char, shared);
  const bool aligned = reinterpret_cast<std::uintptr_t>(shared) % 16 == 0;
  if (!aligned || !is_poison(shared, bytes)) atomicAdd(wrong, 1);
  __syncthreads();
  for (unsigned i = threadIdx.x; i < bytes; i += blockDim.x) shared[i] = 0;
}

TEST_F(SimtShared, DynamicMemoryIsPoisonAtTheBeginningOfEveryBlock) {
  for (const unsigned bytes : {1U, 16U, 1000U, 48U * 1024, 227U * 1024}) {
    int wrong = 0;
    run(
        6, 32, [&] { see_dynamic_poison(bytes, &wrong); }, bytes);
    EXPECT_EQ(wrong, 0) << bytes << " bytes";
  }
}

TEST_F(SimtShared, PoisonIsNoNumberInEveryFormat) {
  run(
      1, 1,
      [] {
        PROPHET_DYNAMIC_SHARED(unsigned char, shared);
        __nv_fp8_e4m3 e4m3;
        __nv_fp8_e5m2 e5m2;
        e4m3.__x = e5m2.__x = *shared;
        const bool all = std::isnan(*reinterpret_cast<double*>(shared)) &&
                         std::isnan(*reinterpret_cast<float*>(shared)) &&
                         __hisnan(*reinterpret_cast<__half*>(shared)) &&
                         __hisnan(*reinterpret_cast<__nv_bfloat16*>(shared)) &&
                         std::isnan(static_cast<float>(e4m3)) && std::isnan(static_cast<float>(e5m2));
        if (!all) __trap();
      },
      64);
}

/// Each block fills both kinds of shared memory with its own number and finds nothing else there at the end.
__global__ void keep_to_itself(int* wrong) {
  __shared__ unsigned fixed[64];
  PROPHET_DYNAMIC_SHARED(unsigned, dynamic);
  fixed[threadIdx.x] = blockIdx.x;
  dynamic[threadIdx.x] = blockIdx.x;
  for (int round = 0; round < 20; ++round) __syncthreads();
  const unsigned other = (threadIdx.x + 17) % 64;
  if (fixed[other] != blockIdx.x || dynamic[other] != blockIdx.x) atomicAdd(wrong, 1);
}

TEST_F(SimtShared, BlocksThatRunAtOnceDoNotShareIt) {
  simt::set_workers(4);
  under_every_order([] {
    int wrong = 0;
    run(
        200, 64, [&] { keep_to_itself(&wrong); }, 256);
    EXPECT_EQ(wrong, 0);
  });
}

// volatile: the compiler must not take the overrun for what it is.
__global__ void write_behind(volatile unsigned* offset) {
  PROPHET_DYNAMIC_SHARED(unsigned char, shared);
  shared[*offset] = 1;
}

TEST_F(SimtShared, AnOverrunOfDynamicMemoryEndsTheProcess) {
  unsigned far = 112;
  EXPECT_DEATH(run(
                   1, 1, [&] { write_behind(&far); }, 100),
               under_asan ? "AddressSanitizer: "
               : races_are_reported()
                   ? "ThreadSanitizer: SEGV"
                   : "touched a byte 13 past the end of dynamic shared memory of 100 bytes");
  unsigned near = 100;
  EXPECT_DEATH(run(
                   1, 1, [&] { write_behind(&near); }, 100),
               under_asan ? "use-after-poison" : "wrote past the 100 bytes of dynamic shared memory");
  unsigned last = 99;
  run(
      1, 1, [&] { write_behind(&last); }, 100);
}

__global__ void write_behind_static(volatile unsigned* index) {
  __shared__ volatile int values[8];
  values[*index] = 1;
  static_cast<void>(values[0]);
}

TEST_F(SimtShared, AnOverrunOfStaticMemoryIsReportedByAddressSanitizer) {
  if (!under_asan) GTEST_SKIP() << "needs AddressSanitizer";
  unsigned index = 8;
  EXPECT_DEATH(run(1, 1, [&] { write_behind_static(&index); }), "global-buffer-overflow");
}

TEST_F(SimtShared, AnOverrunOfTheStackIsReported) {
  EXPECT_DEATH(run(1, 1,
                   [] {
                     volatile unsigned char large[300 * 1024];
                     for (std::size_t i = sizeof large; i != 0; --i) large[i - 1] = 1;
                   }),
               under_asan             ? "overflow"
               : races_are_reported() ? ""
                                      : "more than the 256 KiB of its stack");
}

}  // namespace
}  // namespace prophet::simt_test
