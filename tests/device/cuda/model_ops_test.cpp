// What the cuda device adds to the kernels of a live model: launches, workspaces, and which way an expert
// takes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/kv_append.hpp"
#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/device/cuda_device.hpp"
#include "tests/cuda_on_cpu/control.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::cuda {
namespace {

namespace vehicle = cuda_on_cpu;
using kernels::FloatFormat;

constexpr std::uint32_t q_heads = 4;
constexpr std::uint32_t head_dim = 64;
constexpr std::uint32_t page_tokens = 16;
constexpr std::uint32_t pages = 8;

std::uint64_t count_of(const std::string& call) {
  const auto all = vehicle::calls();
  const auto found = all.find(call);
  return found == all.end() ? 0 : found->second;
}

class CudaModelOps : public ::testing::Test {
 protected:
  template <class Value>
  BufferView upload(const std::vector<Value>& values) {
    const BufferView host =
        device_->allocate(MemoryKind::host_pinned, std::max<std::size_t>(1, values.size() * sizeof(Value)));
    std::memcpy(device_->host_bytes(host).data(), values.data(), values.size() * sizeof(Value));
    const BufferView there = device_->allocate(MemoryKind::device, host.size_bytes);
    device_->copy(stream_, there, host, 0);
    return there;
  }
  BufferView room(std::uint64_t floats) {
    return device_->allocate(MemoryKind::device, floats * sizeof(float));
  }
  std::vector<float> download(BufferView view) {
    const BufferView host = device_->allocate(MemoryKind::host_pinned, view.size_bytes);
    device_->copy(stream_, host, view, 0);
    device_->synchronize();
    std::vector<float> values(view.size_bytes / sizeof(float));
    std::memcpy(values.data(), device_->host_bytes(host).data(), view.size_bytes);
    return values;
  }
  /// Attention of `contexts.size()` rows over the same pages; a row's table has its pages and then, up to
  /// `pages_max`, more of them.
  AttentionOp attention(const std::vector<std::uint32_t>& contexts, std::uint32_t pages_max) {
    std::vector<std::uint32_t> table(contexts.size() * pages_max);
    for (std::size_t i = 0; i < table.size(); ++i)
      table[i] = static_cast<std::uint32_t>(i / pages_max + i % pages_max) % pages;
    AttentionOp op;
    op.kv.pages = kv_;
    op.kv.block_table = upload(table);
    op.kv.format = FloatFormat::fp32;
    op.kv.page_tokens = page_tokens;
    op.kv.page_bytes = static_cast<std::uint32_t>(kv_.size_bytes / pages);
    op.kv.sequences = static_cast<std::uint32_t>(contexts.size());
    op.kv.pages_max = pages_max;
    op.q = upload(testing::random_floats(random_, contexts.size() * q_heads * head_dim));
    op.output = room(contexts.size() * q_heads * head_dim);
    op.context_tokens = upload(contexts);
    op.context_tokens_max = page_tokens * pages_max;
    op.q_heads = q_heads;
    op.kv_heads = 2;
    op.head_dim = head_dim;
    op.scale = 0.125F;
    return op;
  }

  std::uint64_t seed_ = testing::fresh_seed();
  Random random_{seed_};
  std::unique_ptr<CudaDevice> device_ = make_cuda_device({});
  StreamId stream_ = device_->create_stream(StreamRole::compute);
  BufferView kv_ = upload(testing::random_floats(
      random_, pages* page_tokens* kernels::kv_token_bytes(2, head_dim, FloatFormat::fp32) / 4));
};

TEST_F(CudaModelOps, RowsWhoseSplitsTakeTooMuchAreAttendedInSeveralLaunches) {
  constexpr std::uint32_t rows = 300;
  std::vector<std::uint32_t> contexts(rows);
  for (auto& context : contexts) context = static_cast<std::uint32_t>(random_.below(page_tokens * pages));
  AttentionOp op = attention(contexts, pages);
  device_->launch(stream_, op, 0);
  const std::vector<float> expected = download(op.output);
  // 4 heads * 1,024 splits * 66 floats: 62 rows take 64 MiB. The tables go on with the pages they begin with.
  AttentionOp wide = attention(contexts, (1U << 18) / page_tokens);
  wide.q = op.q;
  wide.context_tokens_max = op.context_tokens_max;  // so that no block looks for tokens that are not there
  vehicle::forget_calls();
  device_->launch(stream_, wide, 0);
  EXPECT_EQ(count_of("cudaLaunchKernel"), 2U * 5U);
  EXPECT_EQ(download(wide.output), expected);
}

TEST_F(CudaModelOps, ContextsThatGrowAllocateNothing) {
  std::vector<AttentionOp> steps;
  for (const std::uint32_t context : {1U, 255U, 257U, 900U, 1024U})
    steps.push_back(attention({context, context / 2}, 1024 / page_tokens));
  for (std::size_t i = 0; i < steps.size(); ++i) steps[i].context_tokens_max = i == 0 ? 1 : 1024;
  device_->launch(stream_, steps.front(), 0);
  device_->synchronize();
  vehicle::forget_calls();
  for (const AttentionOp& step : steps) device_->launch(stream_, step, 0);
  EXPECT_EQ(count_of("cudaMalloc"), 0U);
  device_->synchronize();
}

TEST_F(CudaModelOps, AContextBeyondTheTableIsNotANumber) {
  AttentionOp op = attention({8 * page_tokens + 1, 5}, 8);
  op.context_tokens_max = 0xFFFFFFFFU;
  device_->launch(stream_, op, 0);
  const std::vector<float> output = download(op.output);
  EXPECT_NE(output.front(), output.front());
  EXPECT_EQ(output.back(), output.back());
}

TEST_F(CudaModelOps, ExpertsWithALayoutNeverGoToCublas) {
  kernels::SlabLayout layout;
  ASSERT_EQ(
      kernels::slab_layout(
          {.format = kernels::ExpertFormat::bf16, .hidden_size = 64, .width = 32, .gated = true}, layout),
      kernels::Status::ok);
  device_ = make_cuda_device({.crossover_rows = 1});
  stream_ = device_->create_stream(StreamRole::compute);
  constexpr std::uint32_t tokens = 20;
  std::vector<std::uint16_t> slab(layout.size_bytes / 2);
  for (auto& value : slab) value = static_cast<std::uint16_t>(0x3C00 + random_.below(0x100));
  std::vector<std::uint32_t> rows(tokens);
  for (std::uint32_t i = 0; i < tokens; ++i) rows[i] = (3 * i + 1) % tokens;
  ExpertOp op;
  op.slab = upload(slab);
  op.hidden = upload(testing::random_floats(random_, tokens * 64));
  op.output = room(tokens * 64);
  op.rows = rows;
  op.hidden_size = 64;
  op.layout = &layout;
  op.activation = kernels::ExpertActivation::geglu_tanh;
  vehicle::forget_calls();
  device_->launch(stream_, op, 0);
  const std::vector<float> all = download(op.output);
  EXPECT_EQ(count_of("cublasGemmGroupedBatchedEx"), 0U);
  ExpertOp one = op;
  one.output = room(64);
  for (std::size_t i = 0; i < tokens; ++i) {
    one.rows = op.rows.subspan(i, 1);
    device_->launch(stream_, one, 0);
    EXPECT_EQ(download(one.output),
              std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(64 * i),
                                 all.begin() + static_cast<std::ptrdiff_t>(64 * (i + 1))));
  }
}

TEST_F(CudaModelOps, MoreTokensThanAGridHasBlocksForAreRefused) {
  constexpr std::uint32_t tokens = 8 * 65535 + 1;
  LinearOp op;
  op.weights = {upload(std::vector<float>{1}), FloatFormat::fp32, 1, 1};
  op.input = room(tokens);
  op.output = room(tokens);
  op.tokens = tokens;
  try {
    device_->launch(stream_, op, 0);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_NE(std::string(error.what()).find("524281 tokens"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace prophet::cuda
