#include "kernels/cuda/expert_ffn.hpp"

#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/expert_formats.hpp"
#include "tests/kernels/cuda/expert_lists.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::ExpertActivation;
using kernels::ExpertFormat;
using kernels::ExpertShape;
using kernels::FloatFormat;
using kernels::SlabLayout;
using kernels::cuda::ExpertList;
using kernels::cuda::ExpertSlab;
using testing::fresh_seed;

#ifdef PROPHET_CUDA_ON_CPU
constexpr bool on_vehicle = true;
#else
constexpr bool on_vehicle = false;
#endif

class CudaExpertFfn : public OnDevice {};

bool has_reference_bits(ExpertActivation activation) {
  return on_vehicle || activation == ExpertActivation::relu;
}

/// One launch for all of them; `count_max` is the grid's height.
std::vector<float> run_list(const RoutedExperts& routed, ExpertActivation activation,
                            const HiddenStates& hidden, std::uint32_t rows_of_one_max,
                            std::uint32_t count_max) {
  const DeviceArray<const void*> slabs(routed.slabs);
  const DeviceArray<std::uint32_t> first_row(routed.first_row);
  const DeviceArray<std::uint32_t> rows(routed.rows);
  const DeviceArray<std::uint32_t> count(
      std::vector<std::uint32_t>{static_cast<std::uint32_t>(routed.experts.size())});
  const DeviceArray<float> output(routed.output_floats());
  const DeviceArray<std::byte> workspace(
      kernels::cuda::expert_ffn_workspace_bytes(routed.layout, routed.rows.size()));
  const ExpertList list{slabs.data(), first_row.data(), rows.data(),
                        count.data(), count_max,        rows_of_one_max};
  expect_ok(kernels::cuda::expert_ffn_list(routed.layout, activation, list, hidden.rows(), output.data(),
                                           workspace.data(), nullptr));
  return output.read();
}

ExpertShape random_shape(Random& random, ExpertFormat format, ExpertActivation activation) {
  ExpertShape shape{.format = format, .gated = kernels::is_gated(activation)};
  shape.hidden_size = testing::random_dimension(random, format, 200);
  shape.width = testing::random_dimension(random, format, 100);
  shape.has_bias = random.below(2) == 0;
  shape.interleaved = shape.gated && random.below(2) == 0;
  return shape;
}

FloatFormat random_float_format(Random& random) {
  return std::vector{FloatFormat::fp32, FloatFormat::fp16, FloatFormat::bf16}[random.below(3)];
}

TEST_F(CudaExpertFfn, IsTheReferenceInEveryFormatAndActivation) {
  Random random(fresh_seed());
  for (const ExpertFormat format : testing::expert_formats) {
    for (const ExpertActivation activation : testing::expert_activations) {
      const SlabLayout layout = testing::layout_of(random_shape(random, format, activation));
      constexpr std::uint32_t tokens = 5;
      const HiddenStates hidden(random, tokens, layout.shape.hidden_size, random_float_format(random));
      const auto rows = static_cast<std::uint32_t>(1 + random.below(8));
      SCOPED_TRACE(::testing::Message()
                   << kernels::format_info(format).name << ' ' << kernels::activation_name(activation) << ' '
                   << layout.shape.hidden_size << " x " << layout.shape.width << ", " << rows << " rows");
      const RoutedExperts routed(random, layout, {1, 0, rows}, tokens);
      ASSERT_NO_FATAL_FAILURE(expect_outputs(run_list(routed, activation, hidden, 8, 4),
                                             routed.reference(activation, hidden),
                                             has_reference_bits(activation)));
    }
  }
}

TEST_F(CudaExpertFfn, OneTokenHasAKernelOfItsOwn) {
  Random random(fresh_seed());
  for (const ExpertFormat format : testing::expert_formats) {
    const ExpertActivation activation = testing::expert_activations[random.below(7)];
    const SlabLayout layout = testing::layout_of(random_shape(random, format, activation));
    const HiddenStates hidden(random, 3, layout.shape.hidden_size, random_float_format(random));
    const RoutedExperts routed(random, layout, {1, 1}, 3);
    SCOPED_TRACE(kernels::format_info(format).name);
    ASSERT_NO_FATAL_FAILURE(expect_outputs(run_list(routed, activation, hidden, 1, 2),
                                           routed.reference(activation, hidden),
                                           has_reference_bits(activation)));
  }
}

TEST_F(CudaExpertFfn, RowsLongerThanATileAreSummedInTheSameOrder) {
  Random random(fresh_seed());
  constexpr std::pair<std::uint32_t, std::uint32_t> rows_and_columns[] = {
      {8, 2048}, {4, 2048}, {2, 4096}, {1, 4096}};
  for (const ExpertFormat format : testing::expert_formats) {
    const std::uint32_t multiple = kernels::format_info(format).column_multiple();
    const auto [rows, columns] = rows_and_columns[random.below(4)];
    const SlabLayout layout =
        testing::layout_of({.format = format, .hidden_size = columns + 3 * multiple, .width = multiple});
    const HiddenStates hidden(random, 8, layout.shape.hidden_size, random_float_format(random));
    const RoutedExperts routed(random, layout, {rows}, 8);
    SCOPED_TRACE(::testing::Message() << kernels::format_info(format).name << ", " << rows << " rows");
    ASSERT_NO_FATAL_FAILURE(expect_outputs(run_list(routed, ExpertActivation::swiglu, hidden, rows, 1),
                                           routed.reference(ExpertActivation::swiglu, hidden), on_vehicle));
  }
}

TEST_F(CudaExpertFfn, RowsOfAnyLengthAreSummedInTheSameOrder) {
  Random random(fresh_seed());
  for (const ExpertFormat format : testing::expert_formats) {
    const std::uint32_t multiple = kernels::format_info(format).column_multiple();
    for (const std::uint32_t rows : {1U, static_cast<std::uint32_t>(2 + random.below(3))}) {
      const SlabLayout layout = testing::layout_of(
          {.format = format,
           .hidden_size = testing::random_dimension(random, format, rows == 1 ? 5000 : 2500),
           .width = multiple});
      const HiddenStates hidden(random, 2, layout.shape.hidden_size, random_float_format(random));
      const RoutedExperts routed(random, layout, {rows}, 2);
      SCOPED_TRACE(::testing::Message() << kernels::format_info(format).name << ", " << rows << " rows of "
                                        << layout.shape.hidden_size);
      ASSERT_NO_FATAL_FAILURE(expect_outputs(run_list(routed, ExpertActivation::swiglu, hidden, rows, 1),
                                             routed.reference(ExpertActivation::swiglu, hidden), on_vehicle));
    }
  }
}

TEST_F(CudaExpertFfn, MoreRowsThanOnePassHoldsReadTheWeightsAgain) {
  Random random(fresh_seed());
  const SlabLayout layout =
      testing::layout_of({.format = ExpertFormat::bf16, .hidden_size = 24, .width = 16});
  for (const std::uint32_t rows : {9U, 13U, 16U, 19U}) {
    const HiddenStates hidden(random, 4, layout.shape.hidden_size, FloatFormat::fp32);
    const RoutedExperts routed(random, layout, {rows, 3}, 4);
    SCOPED_TRACE(rows);
    ASSERT_NO_FATAL_FAILURE(expect_outputs(run_list(routed, ExpertActivation::swiglu, hidden, rows, 2),
                                           routed.reference(ExpertActivation::swiglu, hidden), on_vehicle));
    ASSERT_NO_FATAL_FAILURE(expect_outputs(run_list(routed, ExpertActivation::swiglu, hidden, 1, 2),
                                           routed.reference(ExpertActivation::swiglu, hidden), on_vehicle))
        << "a wrong word about the most rows costs time, not rows";
  }
}

/// The same expert as a list of one.
void run_list_of_one(const ExpertSlab& expert, const HiddenStates& hidden,
                     const DeviceArray<std::uint32_t>& rows, float* output, void* workspace) {
  const auto count = static_cast<std::uint32_t>(rows.size());
  const DeviceArray<const void*> slabs(std::vector<const void*>{expert.data});
  const DeviceArray<std::uint32_t> first_row(std::vector<std::uint32_t>{0, count});
  const DeviceArray<std::uint32_t> one(std::vector<std::uint32_t>{1});
  const bool on_16_bytes = reinterpret_cast<std::uintptr_t>(expert.data) % 16 == 0;
  expect_ok(kernels::cuda::expert_ffn_list(
      expert.layout, expert.activation,
      {slabs.data(), first_row.data(), rows.data(), one.data(), 1, count, on_16_bytes}, hidden.rows(), output,
      workspace, nullptr));
  expect_ok(cudaDeviceSynchronize());
}

TEST_F(CudaExpertFfn, OneExpertIsTheReferenceAtAnyPackedShape) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 12; ++repetition) {
    const auto hidden_size = static_cast<std::uint32_t>(1 + random.below(70));
    const auto width = static_cast<std::uint32_t>(1 + random.below(50));
    const std::size_t offset = random.below(2) * sizeof(float);  // of the slab from 16 bytes
    const std::vector<float> values = testing::random_floats(random, std::size_t{3} * width * hidden_size);
    const auto bytes = std::as_bytes(std::span(values));
    const DeviceArray<std::byte> slab(offset + bytes.size());
    expect_ok(cudaMemcpy(slab.data() + offset, bytes.data(), bytes.size(), cudaMemcpyHostToDevice));
    const HiddenStates hidden(random, 4, hidden_size, FloatFormat::fp32);
    std::vector<std::uint32_t> rows(1 + random.below(8));
    for (auto& row : rows) row = static_cast<std::uint32_t>(random.below(4));
    ExpertSlab expert{.data = slab.data() + offset};
    ASSERT_EQ(kernels::packed_fp32_layout(bytes.size(), hidden_size, expert.layout), kernels::Status::ok);
    SCOPED_TRACE(::testing::Message()
                 << rows.size() << " rows, " << hidden_size << " x " << width << ", on byte " << offset);

    const DeviceArray<std::uint32_t> device_rows(rows);
    const DeviceArray<float> output(rows.size() * hidden_size);
    const DeviceArray<std::byte> workspace(
        kernels::cuda::expert_ffn_workspace_bytes(expert.layout, rows.size()));
    expect_ok(kernels::cuda::expert_ffn(expert, hidden.rows(), device_rows.data(),
                                        static_cast<std::uint32_t>(rows.size()), output.data(),
                                        workspace.data(), nullptr));
    std::vector<float> expected(rows.size() * hidden_size);
    std::vector<float> inner(rows.size() * width);
    ASSERT_EQ(kernels::expert_ffn_formats(expert.layout, expert.activation, bytes.data(),
                                          hidden.values.data(), 4, rows, expected.data(), inner.data()),
              kernels::Status::ok);
    ASSERT_NO_FATAL_FAILURE(expect_outputs(output.read(), expected, on_vehicle));
    expect_ok(cudaMemset(output.data(), 0, expected.size() * sizeof(float)));
    run_list_of_one(expert, hidden, device_rows, output.data(), workspace.data());
    ASSERT_NO_FATAL_FAILURE(expect_outputs(output.read(), expected, on_vehicle)) << "as a list";
  }
}

TEST_F(CudaExpertFfn, ExpertsBeyondTheCountAndWithoutASlabAreLeftOut) {
  Random random(fresh_seed());
  const SlabLayout layout = testing::layout_of({.hidden_size = 8, .width = 4});
  const HiddenStates hidden(random, 3, 8, FloatFormat::fp32);
  RoutedExperts routed(random, layout, {2, 1, 2}, 3);
  std::vector<float> expected = routed.reference(ExpertActivation::swiglu, hidden);
  routed.slabs[1] = nullptr;
  const DeviceArray<const void*> slabs(routed.slabs);
  const DeviceArray<std::uint32_t> first_row(routed.first_row);
  const DeviceArray<std::uint32_t> rows(routed.rows);
  const DeviceArray<float> output(std::vector<float>(routed.output_floats(), 9.0F));
  const DeviceArray<std::byte> workspace(
      kernels::cuda::expert_ffn_workspace_bytes(layout, routed.rows.size()));
  const DeviceArray<std::uint32_t> count(std::vector<std::uint32_t>{2});
  const ExpertList list{slabs.data(), first_row.data(), rows.data(), count.data(), 8, 2};
  expect_ok(kernels::cuda::expert_ffn_list(layout, ExpertActivation::swiglu, list, hidden.rows(),
                                           output.data(), workspace.data(), nullptr));
  std::fill(expected.begin() + 2 * 8, expected.end(), 9.0F);
  ASSERT_NO_FATAL_FAILURE(expect_outputs(output.read(), expected, on_vehicle));
}

TEST_F(CudaExpertFfn, AReplayedGraphFollowsTheRouting) {
  Random random(fresh_seed());
  const SlabLayout layout =
      testing::layout_of({.format = ExpertFormat::bf16, .hidden_size = 16, .width = 24});
  const HiddenStates hidden(random, 4, 16, FloatFormat::bf16);
  constexpr std::uint32_t experts_max = 4;
  constexpr std::size_t rows_max = 12;
  const DeviceArray<const void*> slabs(experts_max);
  const DeviceArray<std::uint32_t> first_row(experts_max + 1);
  const DeviceArray<std::uint32_t> rows(rows_max);
  const DeviceArray<std::uint32_t> count(1);
  const DeviceArray<float> output(rows_max * 16);
  const DeviceArray<std::byte> workspace(kernels::cuda::expert_ffn_workspace_bytes(layout, rows_max));
  const ExpertList list{slabs.data(), first_row.data(), rows.data(), count.data(), experts_max, 4};

  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  expect_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  expect_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  expect_ok(kernels::cuda::expert_ffn_list(layout, ExpertActivation::swiglu, list, hidden.rows(),
                                           output.data(), workspace.data(), stream));
  expect_ok(cudaStreamEndCapture(stream, &graph));
  expect_ok(cudaGraphInstantiate(&replay, graph, 0));
  for (const std::vector<std::uint32_t>& row_counts :
       {std::vector<std::uint32_t>{1, 2}, std::vector<std::uint32_t>{4, 1, 3, 2},
        std::vector<std::uint32_t>{3}}) {
    const RoutedExperts routed(random, layout, row_counts, 4);
    const auto experts = static_cast<std::uint32_t>(row_counts.size());
    expect_ok(cudaMemcpy(slabs.data(), routed.slabs.data(), experts * sizeof(void*), cudaMemcpyHostToDevice));
    expect_ok(cudaMemcpy(first_row.data(), routed.first_row.data(), (experts + 1) * sizeof(std::uint32_t),
                         cudaMemcpyHostToDevice));
    expect_ok(cudaMemcpy(rows.data(), routed.rows.data(), routed.rows.size() * sizeof(std::uint32_t),
                         cudaMemcpyHostToDevice));
    expect_ok(cudaMemcpy(count.data(), &experts, sizeof experts, cudaMemcpyHostToDevice));
    expect_ok(cudaStreamSynchronize(cudaStreamLegacy));  // the graph's stream does not wait for these copies
    expect_ok(cudaGraphLaunch(replay, stream));
    std::vector<float> found = output.read();
    found.resize(routed.output_floats());
    EXPECT_NO_FATAL_FAILURE(
        expect_outputs(found, routed.reference(ExpertActivation::swiglu, hidden), on_vehicle));
  }
  expect_ok(cudaGraphExecDestroy(replay));
  expect_ok(cudaGraphDestroy(graph));
  expect_ok(cudaStreamDestroy(stream));
}

/// The first code of the first row of gate becomes `code`; what the kernel and the reference make of it.
void expect_nan(ExpertFormat format, std::uint64_t offset_bytes, std::uint8_t code) {
  Random random(fresh_seed());
  const SlabLayout layout = testing::layout_of({.format = format, .hidden_size = 64, .width = 32});
  const HiddenStates hidden(random, 1, 64, FloatFormat::fp32);
  RoutedExperts routed(random, layout, {1}, 1);
  routed.experts[0].slab[offset_bytes] = static_cast<std::byte>(code);
  const DeviceArray<std::byte> slab(routed.experts[0].slab);
  routed.slabs[0] = slab.data();
  for (const float value : run_list(routed, ExpertActivation::swiglu, hidden, 8, 1))
    ASSERT_TRUE(std::isnan(value));
  for (const float value : routed.reference(ExpertActivation::swiglu, hidden)) ASSERT_TRUE(std::isnan(value));
}

TEST_F(CudaExpertFfn, NaNCodesAndScalesMakeNaN) {
  expect_nan(ExpertFormat::fp8_rows, 17, 0x7F);
  expect_nan(ExpertFormat::fp8_blocks, 3, 0xFF);
  const SlabLayout layout =
      testing::layout_of({.format = ExpertFormat::mxfp4, .hidden_size = 64, .width = 32});
  expect_nan(ExpertFormat::mxfp4, layout.up.scales_offset_bytes, 0xFF);
}

TEST_F(CudaExpertFfn, TinyScalesOfMxfp4AreExact) {
  Random random(fresh_seed());
  const SlabLayout layout =
      testing::layout_of({.format = ExpertFormat::mxfp4, .hidden_size = 32, .width = 32, .gated = false});
  RoutedExperts routed(random, layout, {1}, 1);
  std::vector<std::byte>& slab = routed.experts[0].slab;
  for (std::size_t row = 0; row < 32; ++row)
    slab[layout.down.scales_offset_bytes + row] = static_cast<std::byte>(row % 3);  // 2^-127, -126, -125
  const DeviceArray<std::byte> device_slab(slab);
  routed.slabs[0] = device_slab.data();
  const HiddenStates hidden(random, 1, 32, FloatFormat::fp32);
  expect_outputs(run_list(routed, ExpertActivation::relu, hidden, 1, 1),
                 routed.reference(ExpertActivation::relu, hidden), true);
}

TEST_F(CudaExpertFfn, RefusesWhatItCannotDo) {
  const DeviceArray<std::byte> memory(std::vector<std::byte>(4096));
  const DeviceArray<float> output(64);
  const DeviceArray<std::uint32_t> rows(std::vector<std::uint32_t>{0});
  const ExpertSlab good{memory.data(), testing::layout_of({.hidden_size = 8, .width = 4}),
                        ExpertActivation::swiglu};
  const kernels::cuda::HiddenRows hidden{memory.data(), FloatFormat::fp32};
  const auto call = [&](const ExpertSlab& expert, std::uint32_t count = 1, std::ptrdiff_t workspace = 2048) {
    return kernels::cuda::expert_ffn(expert, hidden, rows.data(), count, output.data(),
                                     memory.data() + workspace, nullptr);
  };
  expect_ok(call(good));
  expect_ok(call(good, 0));
  EXPECT_EQ(call({memory.data(), SlabLayout{}, ExpertActivation::swiglu}), cudaErrorInvalidValue);
  EXPECT_EQ(call({nullptr, good.layout, ExpertActivation::swiglu}), cudaErrorInvalidValue);
  EXPECT_EQ(call({memory.data() + 2, good.layout, ExpertActivation::swiglu}), cudaErrorInvalidValue);
  EXPECT_EQ(call({memory.data(), good.layout, ExpertActivation::relu}), cudaErrorInvalidValue);
  EXPECT_EQ(call(good, 1, 2052), cudaErrorInvalidValue);
  ExpertSlab odd = good;
  odd.layout.shape.format = ExpertFormat::mxfp4;
  EXPECT_EQ(call(odd), cudaErrorInvalidValue) << "rows of 8 values do not end on 16 bytes";
  ExpertSlab narrow{memory.data() + 4,
                    testing::layout_of({.format = ExpertFormat::bf16, .hidden_size = 8, .width = 8})};
  EXPECT_EQ(call(narrow), cudaErrorInvalidValue);

  ExpertList list{
      reinterpret_cast<const void* const*>(memory.data()), rows.data(), rows.data(), rows.data(), 1, 1};
  const auto call_list = [&](const ExpertList& experts) {
    return kernels::cuda::expert_ffn_list(good.layout, ExpertActivation::swiglu, experts, hidden,
                                          output.data(), memory.data() + 2048, nullptr);
  };
  list.count_max = 65536;
  EXPECT_EQ(call_list(list), cudaErrorInvalidValue);
  list.count_max = 0;
  expect_ok(call_list(list));
  list.count_max = 1;
  list.slabs_on_16_bytes = false;
  EXPECT_EQ(kernels::cuda::expert_ffn_list(narrow.layout, ExpertActivation::swiglu, list, hidden,
                                           output.data(), memory.data() + 2048, nullptr),
            cudaErrorInvalidValue);
  list.slabs = nullptr;
  EXPECT_EQ(call_list(list), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace prophet::kernels_test
