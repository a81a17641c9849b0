// Which of the two ways an expert takes, what the many-token way needs, and that both give the same numbers.
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "kernels/expert_crossover.hpp"
#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/device/cuda/gpu_rates.hpp"
#include "runtime/device/cuda_device.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::cuda {
namespace {

namespace vehicle = cuda_on_cpu;

constexpr std::uint32_t hidden_size = 40;
constexpr std::uint32_t width = 24;
constexpr std::uint32_t tokens = 32;
constexpr const char* grouped = "cublasGemmGroupedBatchedEx";

std::uint64_t count_of(const std::string& call) {
  const auto all = vehicle::calls();
  const auto found = all.find(call);
  return found == all.end() ? 0 : found->second;
}

/// One expert, random hidden states and everything that an operation of it needs, on a device of its own.
class Expert {
 public:
  Expert(std::optional<std::uint32_t> crossover_rows, std::uint64_t seed)
      : device_(make_cuda_device({.crossover_rows = crossover_rows})),
        stream_(device_->create_stream(StreamRole::compute)),
        random_(seed),
        slab_(filled(std::uint64_t{12} * hidden_size * width)),
        hidden_(filled(sizeof(float) * tokens * hidden_size)),
        output_(device_->allocate(MemoryKind::device, sizeof(float) * tokens * hidden_size)),
        back_(device_->allocate(MemoryKind::host_pinned, output_.size_bytes)) {
    for (std::uint32_t i = 0; i < tokens; ++i) rows_.push_back((7 * i + 3) % tokens);
  }

  /// The expert's output for the first `rows` of a shuffled list of tokens.
  [[nodiscard]] std::vector<float> compute(std::uint32_t rows) {
    ExpertOp op;
    op.slab = slab_;
    op.source = slab_;
    op.hidden = hidden_;
    op.output = output_.slice(0, sizeof(float) * rows * hidden_size);
    op.rows = std::span(rows_).first(rows);
    op.hidden_size = hidden_size;
    device_->launch(stream_, op, 0);
    device_->copy(stream_, back_, output_, 0);
    device_->synchronize();
    std::vector<float> values(std::size_t{rows} * hidden_size);
    std::memcpy(values.data(), device_->host_bytes(back_).data(), values.size() * sizeof(float));
    return values;
  }
  [[nodiscard]] CudaDevice& device() { return *device_; }

 private:
  BufferView filled(std::uint64_t bytes) {
    const BufferView host = device_->allocate(MemoryKind::host_pinned, bytes);
    const BufferView device = device_->allocate(MemoryKind::device, bytes);
    std::vector<float> values(bytes / sizeof(float));
    for (float& value : values) value = static_cast<float>(random_.uniform()) - 0.5F;
    std::memcpy(device_->host_bytes(host).data(), values.data(), bytes);
    device_->copy(stream_, device, host, 0);
    device_->synchronize();
    return device;
  }

  std::unique_ptr<CudaDevice> device_;
  StreamId stream_;
  Random random_;
  BufferView slab_;
  BufferView hidden_;
  BufferView output_;
  BufferView back_;
  std::vector<std::uint32_t> rows_;
};

TEST(CudaManyTokens, TheWayDependsOnTheRowsAlone) {
  Expert expert(9, 1);
  EXPECT_EQ(expert.device().crossover_rows(), 9U);
  for (const std::uint32_t rows : {1U, 8U, 9U, 8U, 32U}) {
    vehicle::forget_calls();
    static_cast<void>(expert.compute(rows));
    EXPECT_EQ(count_of(grouped), rows >= 9 ? 2U : 0U) << rows;
  }
}

TEST(CudaManyTokens, BothWaysGiveTheSameNumbers) {
  const std::uint64_t seed = testing::fresh_seed();
  SCOPED_TRACE("PROPHET_SEED=" + std::to_string(seed));
  Expert few(0, seed);
  Expert many(1, seed);
  EXPECT_FALSE(few.device().crossover_rows());
  for (std::uint32_t rows = 1; rows <= tokens; ++rows) {
    const std::vector<float> expected = few.compute(rows);
    const std::vector<float> found = many.compute(rows);
    float largest = 0;
    for (const float value : expected) largest = std::max(largest, std::abs(value));
    ASSERT_GT(largest, 0);
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(found[i], expected[i], 1e-5F * largest) << "value " << i << " of " << rows << " rows";
    EXPECT_EQ(many.compute(rows), found) << "the same bits again";
  }
}

TEST(CudaManyTokens, NothingIsAllocatedOnceAnOperationHasRun) {
  Expert expert(9, 2);
  static_cast<void>(expert.compute(1));  // a workspace is sized by all tokens, whatever this operation takes
  vehicle::forget_calls();
  for (const std::uint32_t rows : {tokens, 9U, 2U, tokens}) static_cast<void>(expert.compute(rows));
  EXPECT_EQ(count_of(grouped), 6U);
  for (const char* allocating :
       {"cudaMalloc", "cudaHostAlloc", "cublasCreate", "cublasSetStream", "cublasOwnWorkspace"})
    EXPECT_EQ(count_of(allocating), 0U) << allocating;
}

TEST(CudaManyTokens, AHandleIsOpenedForComputeStreamsAndGoesWithThem) {
  const vehicle::LiveObjects before = vehicle::live_objects();
  const auto device = make_cuda_device({});
  static_cast<void>(device->create_stream(StreamRole::demand_copy));
  EXPECT_EQ(vehicle::live_objects().cublas_handles, before.cublas_handles);
  const StreamId first = device->create_stream(StreamRole::compute);
  const StreamId second = device->create_stream(StreamRole::compute);
  EXPECT_EQ(vehicle::live_objects().cublas_handles, before.cublas_handles + 2);
  device->destroy_stream(first);
  EXPECT_EQ(vehicle::live_objects().cublas_handles, before.cublas_handles + 1);
  device->destroy_stream(second);
  EXPECT_EQ(vehicle::live_objects().cublas_handles, before.cublas_handles);
  const auto never = make_cuda_device({.crossover_rows = 0});
  static_cast<void>(never->create_stream(StreamRole::compute));
  EXPECT_EQ(vehicle::live_objects().cublas_handles, before.cublas_handles);
}

struct Refusal {
  const char* call;
  cudaError_t injected;
  ErrorCode expected;
};

TEST(CudaManyTokens, WhatCublasRefusesHasTheRightCodeAndLeaksNothing) {
  const vehicle::LiveObjects before = vehicle::live_objects();
  for (const Refusal& refusal :
       {Refusal{"cublasCreate", cudaErrorNoDevice, ErrorCode::no_device},
        Refusal{"cublasCreate", cudaErrorMemoryAllocation, ErrorCode::out_of_memory},
        Refusal{"cublasSetPointerMode", cudaErrorInvalidValue, ErrorCode::check_failed},
        Refusal{"cublasSetMathMode", cudaErrorInvalidValue, ErrorCode::check_failed},
        Refusal{"cublasSetStream", cudaErrorMemoryAllocation, ErrorCode::out_of_memory},
        Refusal{"cublasSetWorkspace", cudaErrorInvalidValue, ErrorCode::check_failed},
        Refusal{"cublasGetStream", cudaErrorInvalidValue, ErrorCode::check_failed},
        Refusal{grouped, cudaErrorMemoryAllocation, ErrorCode::out_of_memory},
        Refusal{grouped, cudaErrorLaunchFailure, ErrorCode::device_lost}}) {
    SCOPED_TRACE(std::string(refusal.call) + ": " + cudaGetErrorName(refusal.injected));
    vehicle::fail_call(refusal.call, 1, refusal.injected);
    try {
      Expert expert(1, 3);
      static_cast<void>(expert.compute(9));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), refusal.expected) << error.what();
    }
    vehicle::clear_faults();
    if (refusal.expected == ErrorCode::device_lost) continue;  // a lost device is not asked to give back
    EXPECT_EQ(vehicle::live_objects(), before) << vehicle::to_string(vehicle::live_objects());
  }
}

TEST(CudaManyTokens, WhatCublasDoesNotGroupItMultipliesOneByOne) {
  Expert expert(1, 4);
  const std::vector<float> expected = expert.compute(9);
  vehicle::fail_call(grouped, 1, cudaErrorNotSupported);
  vehicle::forget_calls();
  EXPECT_EQ(expert.compute(9), expected);
  vehicle::clear_faults();
  EXPECT_EQ(count_of("cublasGemmEx"), 2U);
}

TEST(CudaGpuRates, AreThoseOfTheDataSheets) {
  const kernels::ExpertRates a100 = peak_rates({8, 0, 108, 1'410'000, 1'593'000, 5120});
  EXPECT_NEAR(a100.memory_bytes_per_s, 2039e9, 1e9);
  EXPECT_NEAR(a100.matrix_flops_per_s, 312e12, 1e12);
  EXPECT_NEAR(a100.vector_flops_per_s, 19.5e12, 0.1e12);
  // The tensor cores' number on H100's data sheet is of 1,830 MHz, that of fp32 of 1,980.
  EXPECT_NEAR(peak_rates({9, 0, 132, 1'830'000, 0, 0}).matrix_flops_per_s, 989e12, 1e12);
  const kernels::ExpertRates h100 = peak_rates({9, 0, 132, 1'980'000, 2'619'000, 5120});
  EXPECT_NEAR(h100.memory_bytes_per_s, 3.35e12, 0.01e12);
  EXPECT_NEAR(h100.vector_flops_per_s, 67e12, 0.2e12);
  EXPECT_NEAR(peak_rates({8, 9, 128, 2'520'000, 0, 0}).vector_flops_per_s, 82.6e12, 0.1e12);
  EXPECT_NEAR(peak_rates({7, 0, 80, 1'530'000, 0, 0}).vector_flops_per_s, 15.7e12, 0.1e12);
}

TEST(CudaGpuRates, TheCrossoverFollowsFromThemAndHasADefaultWhereTheyAreNotKnown) {
  // One pass of the few-token kernel serves eight rows of fp32; from the ninth on it reads the weights again.
  EXPECT_EQ(crossover_rows_of({9, 0, 132, 1'980'000, 2'619'000, 5120}), kernels::few_token_rows + 1);
  EXPECT_EQ(crossover_rows_of({9, 0, 132, 0, 0, 0}), kernels::few_token_rows + 1);
  // A GPU that computes too slowly to gain anything from reading less never crosses.
  EXPECT_EQ(crossover_rows_of({9, 0, 1, 1000, 2'619'000, 5120}), kernels::crossover_rows_max);
  EXPECT_EQ(blas_workspace_bytes({9, 0, 1, 1, 1, 1}), 32U << 20);
  EXPECT_EQ(blas_workspace_bytes({8, 0, 1, 1, 1, 1}), 4U << 20);
}

}  // namespace
}  // namespace prophet::cuda
