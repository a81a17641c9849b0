#include "kernels/cuda/expert_ffn_blas.hpp"

#include <vector>

#include "kernels/cuda/expert_batch.hpp"
#include "kernels/cuda/expert_products.hpp"
#include "kernels/cuda/expert_rows.hpp"
#include "tests/kernels/cuda/expert_lists.hpp"
#include "tests/kernels/cuda/rounded_reference.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::ExpertActivation;
using kernels::ExpertFormat;
using kernels::FloatFormat;
using kernels::SlabLayout;
using kernels::cuda::DeviceWorkspace;
using kernels::cuda::ExpertRows;
using testing::fresh_seed;

class CudaExpertFfnBlas : public OnDevice {
 protected:
  void SetUp() override {
    OnDevice::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(cublasCreate(&handle_), CUBLAS_STATUS_SUCCESS);
  }
  void TearDown() override {
    if (handle_ != nullptr) {
      EXPECT_EQ(cublasDestroy(handle_), CUBLAS_STATUS_SUCCESS);
    }
    OnDevice::TearDown();
  }
  /// All experts of `routed` with memory for `at_once` of them.
  std::vector<float> run(const RoutedExperts& routed, ExpertActivation activation, const HiddenStates& hidden,
                         std::size_t at_once) {
    std::vector<ExpertRows> experts;
    for (std::size_t e = 0; e < routed.experts.size(); ++e)
      experts.push_back(
          {routed.slabs[e], routed.first_row[e], routed.first_row[e + 1] - routed.first_row[e]});
    const DeviceArray<std::uint32_t> rows(routed.rows);
    const DeviceArray<float> output(routed.output_floats());
    const DeviceArray<std::byte> memory(
        kernels::cuda::expert_ffn_blas_workspace_bytes(routed.layout, routed.rows.size(), at_once));
    expect_ok(kernels::cuda::expert_ffn_blas(handle_, routed.layout, activation, experts, hidden.rows(),
                                             rows.data(), static_cast<std::uint32_t>(routed.rows.size()),
                                             output.data(), {memory.data(), memory.size()}, nullptr));
    return output.read();
  }

  cublasHandle_t handle_ = nullptr;
};

void expect_rounded(const std::vector<float>& found, const RoundedReference& expected) {
  ASSERT_EQ(found.size(), expected.outputs.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], expected.outputs[i], expected.tolerances[i]) << "value " << i;
}

TEST_F(CudaExpertFfnBlas, IsTheReferenceInEveryFormatAndActivation) {
  Random random(fresh_seed());
  for (const ExpertFormat format : testing::expert_formats) {
    for (const ExpertActivation activation : testing::expert_activations) {
      kernels::ExpertShape shape{.format = format, .gated = kernels::is_gated(activation)};
      shape.hidden_size = testing::random_dimension(random, format, 160);
      shape.width = testing::random_dimension(random, format, 96);
      shape.has_bias = random.below(2) == 0;
      shape.interleaved = shape.gated && random.below(2) == 0;
      const SlabLayout layout = testing::layout_of(shape);
      const HiddenStates hidden(
          random, 6, shape.hidden_size,
          std::vector{FloatFormat::fp32, FloatFormat::fp16, FloatFormat::bf16}[random.below(3)]);
      const RoutedExperts routed(random, layout, {3, 0, 11, 1}, 6);
      SCOPED_TRACE(::testing::Message()
                   << kernels::format_info(format).name << ' ' << kernels::activation_name(activation) << ' '
                   << shape.hidden_size << " x " << shape.width);
      const std::vector<float> found = run(routed, activation, hidden, 1 + random.below(4));
      if (format == ExpertFormat::fp32) {
        ASSERT_NO_FATAL_FAILURE(expect_outputs(found, routed.reference(activation, hidden), false));
      } else {
        const FloatFormat narrow = format == ExpertFormat::fp16 ? FloatFormat::fp16 : FloatFormat::bf16;
        ASSERT_NO_FATAL_FAILURE(expect_rounded(found, RoundedReference(routed, activation, hidden, narrow)));
      }
    }
  }
}

TEST_F(CudaExpertFfnBlas, GivesTheSameBitsHoweverManyExpertsAtOnce) {
  Random random(fresh_seed());
  const SlabLayout layout =
      testing::layout_of({.format = ExpertFormat::mxfp4, .hidden_size = 64, .width = 32});
  const HiddenStates hidden(random, 5, 64, FloatFormat::bf16);
  std::vector<std::uint32_t> row_counts(kernels::cuda::expert_batch_max + 3, 1);
  row_counts[7] = 4;
  const RoutedExperts routed(random, layout, row_counts, 5);
  const std::vector<float> one = run(routed, ExpertActivation::swiglu, hidden, 1);
  EXPECT_EQ(run(routed, ExpertActivation::swiglu, hidden, 5), one);
  EXPECT_EQ(run(routed, ExpertActivation::swiglu, hidden, 1000), one);
}

TEST_F(CudaExpertFfnBlas, TakesPackedExpertsOfAnyShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 6; ++repetition) {
    const auto hidden_size = static_cast<std::uint32_t>(1 + random.below(40));
    const auto width = static_cast<std::uint32_t>(1 + random.below(40));
    SlabLayout layout;
    ASSERT_EQ(kernels::packed_fp32_layout(std::uint64_t{12} * width * hidden_size, hidden_size, layout),
              kernels::Status::ok);
    const HiddenStates hidden(random, 4, hidden_size, FloatFormat::fp32);
    const RoutedExperts routed(random, layout, {2, 5}, 4);
    SCOPED_TRACE(::testing::Message() << hidden_size << " x " << width);
    ASSERT_NO_FATAL_FAILURE(expect_outputs(run(routed, ExpertActivation::swiglu, hidden, 2),
                                           routed.reference(ExpertActivation::swiglu, hidden), false));
  }
}

TEST_F(CudaExpertFfnBlas, RefusesWhatItCannotDo) {
  const DeviceArray<std::byte> slab(std::vector<std::byte>(4096));
  const DeviceArray<std::byte> hidden(std::vector<std::byte>(4096));
  const DeviceArray<float> output(256);
  const DeviceArray<std::uint32_t> rows(std::vector<std::uint32_t>{0, 0});
  const DeviceArray<std::byte> memory(65536);
  const SlabLayout layout =
      testing::layout_of({.format = ExpertFormat::int8, .hidden_size = 16, .width = 32});
  const auto call = [&](const ExpertRows& expert, const DeviceWorkspace& workspace, cublasHandle_t handle,
                        ExpertActivation activation = ExpertActivation::swiglu) {
    const std::vector<ExpertRows> experts{expert};
    return kernels::cuda::expert_ffn_blas(handle, layout, activation, experts,
                                          {hidden.data(), FloatFormat::fp32}, rows.data(), 2, output.data(),
                                          workspace, nullptr);
  };
  const std::size_t enough = kernels::cuda::expert_ffn_blas_workspace_bytes(layout, 2, 1);
  expect_ok(call({slab.data(), 0, 2}, {memory.data(), enough}, handle_));
  expect_ok(call({nullptr, 2, 0}, {memory.data(), enough}, handle_));
  EXPECT_EQ(call({slab.data(), 0, 2}, {memory.data(), enough - 1}, handle_), cudaErrorInvalidValue);
  EXPECT_EQ(call({slab.data(), 0, 2}, {memory.data(), 16}, handle_), cudaErrorInvalidValue);
  EXPECT_EQ(call({slab.data(), 0, 2}, {memory.data() + 16, 60000}, handle_), cudaErrorInvalidValue);
  EXPECT_EQ(call({slab.data(), 0, 2}, {nullptr, enough}, handle_), cudaErrorInvalidValue);
  EXPECT_EQ(call({slab.data(), 0, 2}, {memory.data(), enough}, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(call({slab.data(), 1, 2}, {memory.data(), enough}, handle_), cudaErrorInvalidValue);
  EXPECT_EQ(call({slab.data() + 4, 0, 2}, {memory.data(), enough}, handle_), cudaErrorInvalidValue);
  EXPECT_EQ(call({nullptr, 0, 2}, {memory.data(), enough}, handle_), cudaErrorInvalidValue);
  EXPECT_EQ(call({slab.data(), 0, 2}, {memory.data(), enough}, handle_, ExpertActivation::relu),
            cudaErrorInvalidValue);
}

TEST_F(CudaExpertFfnBlas, ItsRowKernelsRefuseNullPointers) {
  using kernels::cuda::ExpertBatch;
  const SlabLayout layout = testing::layout_of({.hidden_size = 4, .width = 4});
  ExpertBatch batch;
  expect_ok(kernels::cuda::gather_rows({}, nullptr, 0, 4, FloatFormat::fp32, nullptr, nullptr));
  expect_ok(kernels::cuda::activate_rows(layout, ExpertActivation::swiglu, batch, FloatFormat::fp32, nullptr,
                                         nullptr, nullptr));
  expect_ok(kernels::cuda::finish_rows(layout, batch, FloatFormat::fp32, nullptr, nullptr, nullptr));
  expect_ok(kernels::cuda::multiply_experts(handle_, batch, {}, nullptr, nullptr));
  batch.count = 1;
  batch.rows[0] = 1;
  EXPECT_EQ(kernels::cuda::gather_rows({}, nullptr, 1, 4, FloatFormat::fp32, nullptr, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::activate_rows(layout, ExpertActivation::swiglu, batch, FloatFormat::fp32, nullptr,
                                         nullptr, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::finish_rows(layout, batch, FloatFormat::fp32, nullptr, nullptr, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::multiply_experts(handle_, batch, {}, nullptr, nullptr), cudaErrorInvalidValue);
  batch.count = kernels::cuda::expert_batch_max + 1;
  EXPECT_EQ(kernels::cuda::activate_rows(layout, ExpertActivation::swiglu, batch, FloatFormat::fp32, nullptr,
                                         nullptr, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::finish_rows(layout, batch, FloatFormat::fp32, nullptr, nullptr, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::multiply_experts(handle_, batch, {}, nullptr, nullptr), cudaErrorInvalidValue);
}

TEST_F(CudaExpertFfnBlas, RefusalsOfCublasHaveTheNearestCode) {
  using kernels::cuda::cuda_error_of;
  EXPECT_EQ(cuda_error_of(CUBLAS_STATUS_SUCCESS), cudaSuccess);
  EXPECT_EQ(cuda_error_of(CUBLAS_STATUS_NOT_INITIALIZED), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cuda_error_of(CUBLAS_STATUS_ALLOC_FAILED), cudaErrorMemoryAllocation);
  EXPECT_EQ(cuda_error_of(CUBLAS_STATUS_INVALID_VALUE), cudaErrorInvalidValue);
  EXPECT_EQ(cuda_error_of(CUBLAS_STATUS_NOT_SUPPORTED), cudaErrorNotSupported);
  EXPECT_EQ(cuda_error_of(CUBLAS_STATUS_EXECUTION_FAILED), cudaErrorLaunchFailure);
  EXPECT_EQ(cuda_error_of(CUBLAS_STATUS_INTERNAL_ERROR), cudaErrorUnknown);
}

}  // namespace
}  // namespace prophet::kernels_test
