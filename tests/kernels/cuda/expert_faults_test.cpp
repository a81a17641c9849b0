// What only the test vehicle can do: make calls of CUDA and cuBLAS fail.
#ifdef PROPHET_CUDA_ON_CPU

#include <functional>
#include <vector>

#include "kernels/cuda/expert_ffn.hpp"
#include "kernels/cuda/expert_ffn_blas.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/kernels/cuda/expert_lists.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::ExpertActivation;
using kernels::FloatFormat;
using kernels::SlabLayout;
using kernels::cuda::ExpertRows;

/// A gated expert of int4 with three rows, and memory for both ways to compute it.
class CudaExpertFaults : public OnDevice {
 protected:
  void SetUp() override { ASSERT_EQ(cublasCreate(&handle_), CUBLAS_STATUS_SUCCESS); }
  void TearDown() override {
    cuda_on_cpu::clear_faults();
    EXPECT_EQ(cublasDestroy(handle_), CUBLAS_STATUS_SUCCESS);
    OnDevice::TearDown();
  }
  cudaError_t many_tokens() {
    const std::vector<ExpertRows> experts{{routed_.slabs[0], 0, 3}};
    return kernels::cuda::expert_ffn_blas(handle_, layout_, ExpertActivation::swiglu, experts, hidden_.rows(),
                                          rows_.data(), 3, output_.data(), {memory_.data(), memory_.size()},
                                          nullptr);
  }
  cudaError_t few_tokens() {
    return kernels::cuda::expert_ffn({routed_.slabs[0], layout_, ExpertActivation::swiglu}, hidden_.rows(),
                                     rows_.data(), 3, output_.data(), memory_.data(), nullptr);
  }
  /// Fails the first call within `compute`, then the second, and so on, until none is left to fail.
  void expect_each_call_to_end_it(int calls_min, const std::function<cudaError_t()>& compute) {
    for (int failed = 0;; ++failed) {
      cuda_on_cpu::fail_any_call(static_cast<std::uint64_t>(failed) + 1, cudaErrorMemoryAllocation);
      const cudaError_t status = compute();
      cuda_on_cpu::clear_faults();
      expect_ok(cudaDeviceSynchronize());
      if (status == cudaSuccess) {
        EXPECT_GE(failed, calls_min) << "calls that can fail";
        return;
      }
      ASSERT_EQ(status, cudaErrorMemoryAllocation) << "call " << failed + 1;
    }
  }

  Random random_{testing::fresh_seed()};
  SlabLayout layout_ =
      testing::layout_of({.format = kernels::ExpertFormat::int4_32, .hidden_size = 64, .width = 32});
  HiddenStates hidden_{random_, 3, 64, FloatFormat::fp32};
  RoutedExperts routed_{random_, layout_, {3}, 3};
  DeviceArray<std::uint32_t> rows_{routed_.rows};
  DeviceArray<float> output_{routed_.output_floats()};
  DeviceArray<std::byte> memory_{kernels::cuda::expert_ffn_blas_workspace_bytes(layout_, 3, 1)};
  cublasHandle_t handle_ = nullptr;
};

TEST_F(CudaExpertFaults, ACallThatFailsEndsTheComputationWithItsError) {
  expect_each_call_to_end_it(2, [this] { return few_tokens(); });
  // gather, three matrices written out, pointers and products in and out, activation, finish
  expect_each_call_to_end_it(10, [this] { return many_tokens(); });
}

TEST_F(CudaExpertFaults, ProductsAreMadeOneByOneWhereCublasHasNoGroupedOnes) {
  expect_ok(many_tokens());
  const std::vector<float> grouped = output_.read();
  expect_ok(cudaMemset(output_.data(), 0, output_.size() * sizeof(float)));
  cuda_on_cpu::forget_calls();
  cuda_on_cpu::fail_call("cublasGemmGroupedBatchedEx", 1, cudaErrorNotSupported);
  cuda_on_cpu::fail_call("cublasGemmGroupedBatchedEx", 2, cudaErrorNotSupported);
  expect_ok(many_tokens());
  EXPECT_EQ(output_.read(), grouped);
  EXPECT_EQ(cuda_on_cpu::calls()["cublasGemmEx"], 3U);
  cuda_on_cpu::fail_call("cublasGemmGroupedBatchedEx", 1, cudaErrorNotSupported);
  cuda_on_cpu::fail_call("cublasGemmEx", 2, cudaErrorMemoryAllocation);
  EXPECT_EQ(many_tokens(), cudaErrorMemoryAllocation);
}

}  // namespace
}  // namespace prophet::kernels_test

#endif
