#include "kernels/cuda/paged_attention.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "kernels/kv_append.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/kv_cache.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::PagedAttention;
using testing::fresh_seed;
using testing::random_floats;

constexpr double fp32_tolerance = 1e-5;
constexpr double tolerance_16_bit = 1e-2;

/// A batch with its cache: contexts, queries, and K and V written at random.
struct Batch {
  Batch(const PagedAttention& call_, std::uint32_t page_tokens, FloatFormat format,
        const std::vector<std::uint32_t>& contexts_, Random& random)
      : call(call_),
        contexts(contexts_),
        cache({.token_bytes = kernels::kv_token_bytes(call.kv_heads, call.head_dim, format),
               .page_tokens = page_tokens,
               .sequences = static_cast<std::uint32_t>(contexts.size()),
               .pages_max = std::max(
                   1U, (*std::max_element(contexts.begin(), contexts.end()) + page_tokens - 1) / page_tokens),
               .format = format},
              random),
        q(random_floats(random, contexts.size() * call.q_heads * call.head_dim), call.q_format),
        sinks(random_floats(random, call.q_heads)) {
    for (std::uint32_t s = 0; s < contexts.size(); ++s) write_context(s, random);
    call.context_tokens_max = *std::max_element(contexts.begin(), contexts.end());
  }

  void write_context(std::uint32_t sequence, Random& random) {
    const std::uint32_t tokens = contexts[sequence];
    const std::vector<std::uint32_t> sequence_of(tokens, sequence);
    std::vector<std::uint32_t> positions(tokens);
    for (std::uint32_t t = 0; t < tokens; ++t) positions[t] = t;
    const auto k = random_floats(random, std::size_t{tokens} * call.kv_heads * call.head_dim);
    const auto v = random_floats(random, std::size_t{tokens} * call.kv_heads * call.head_dim);
    ASSERT_EQ(kernels::kv_append(cache.host(), {.k = k.data(),
                                                .v = v.data(),
                                                .tokens = tokens,
                                                .kv_heads = call.kv_heads,
                                                .head_dim = call.head_dim,
                                                .positions = positions.data(),
                                                .sequence_of = sequence_of.data()}),
              kernels::Status::ok);
  }

  [[nodiscard]] std::size_t values() const { return contexts.size() * call.q_heads * call.head_dim; }

  [[nodiscard]] std::vector<float> as_floats(const void* output) const {
    std::vector<float> numbers(values());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = kernels::load_as_float(output, i, call.output_format);
    }
    return numbers;
  }

  [[nodiscard]] std::vector<float> reference() {
    std::vector<std::byte> output(values() * kernels::format_bytes(call.output_format));
    PagedAttention host = call;
    host.q = q.host();
    host.output = output.data();
    host.context_tokens = contexts.data();
    host.sinks = with_sinks ? sinks.data() : nullptr;
    EXPECT_EQ(kernels::paged_attention(cache.host(), host), kernels::Status::ok);
    return as_floats(output.data());
  }

  [[nodiscard]] std::vector<float> on_device() {
    const PagedCache::OnDevice pages(cache);
    const DeviceArray<std::byte> output(values() * kernels::format_bytes(call.output_format));
    const DeviceArray<std::uint32_t> device_contexts(contexts);
    const DeviceArray<float> device_sinks(sinks);
    PagedAttention device = call;
    device.q = q.device();
    device.output = output.data();
    device.context_tokens = device_contexts.data();
    device.sinks = with_sinks ? device_sinks.data() : nullptr;
    const std::uint64_t bytes = kernels::cuda::paged_attention_workspace_bytes(pages.view.sequences, device);
    const DeviceArray<std::byte> workspace(bytes);
    expect_ok(kernels::cuda::paged_attention(pages.view, device, workspace.data(), bytes, nullptr));
    return as_floats(output.read().data());
  }

  void expect_reference() {
    const double tolerance = call.output_format == FloatFormat::fp32 ? fp32_tolerance : tolerance_16_bit;
    EXPECT_LT(relative_distance(reference(), on_device()), tolerance);
  }

  PagedAttention call;
  std::vector<std::uint32_t> contexts;
  PagedCache cache;
  FormattedArray q;
  std::vector<float> sinks;
  bool with_sinks = false;
};

FloatFormat draw_16_bit(Random& random) {
  return random.chance(0.5) ? FloatFormat::fp16 : FloatFormat::bf16;
}

FloatFormat draw_stored(Random& random) {
  return random.chance(0.4) ? FloatFormat::fp32 : draw_16_bit(random);
}

template <class T>
T draw(Random& random, std::span<const T> values) {
  return values[random.below(values.size())];
}

PagedAttention draw_call(Random& random) {
  constexpr std::array<std::uint32_t, 5> head_dims{64, 80, 96, 128, 256};
  constexpr std::array<std::uint32_t, 8> groups{1, 2, 3, 4, 6, 8, 12, 16};
  PagedAttention call;
  call.kv_heads = static_cast<std::uint32_t>(1 + random.below(2));
  call.q_heads = call.kv_heads * draw<std::uint32_t>(random, groups);
  call.head_dim = draw<std::uint32_t>(random, head_dims);
  call.scale = random.chance(0.5) ? 1 / std::sqrt(static_cast<float>(call.head_dim)) : 0.7F;
  call.q_format = random.chance(0.5) ? FloatFormat::fp32 : draw_16_bit(random);
  call.output_format = random.chance(0.7) ? FloatFormat::fp32 : draw_16_bit(random);
  call.soft_cap = random.chance(0.3) ? 3.0F : 0.0F;
  return call;
}

std::uint32_t draw_page_tokens(Random& random) {
  constexpr std::array<std::uint32_t, 6> page_tokens{1, 3, 16, 17, 64, 300};
  return draw<std::uint32_t>(random, page_tokens);
}

class CudaPagedAttention : public OnDevice {};

TEST_F(CudaPagedAttention, IsTheReferenceAtAnyShapeAndContext) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 25; ++repetition) {
    const PagedAttention call = draw_call(random);
    const std::uint32_t page_tokens = draw_page_tokens(random);
    std::vector<std::uint32_t> contexts{0, 1, page_tokens, page_tokens + 1};
    contexts.push_back(static_cast<std::uint32_t>(random.below(300)));
    contexts.resize(1 + random.below(contexts.size()));
    SCOPED_TRACE(::testing::Message()
                 << call.q_heads << " on " << call.kv_heads << " heads of " << call.head_dim << ", "
                 << page_tokens << " tokens a page, " << contexts.size() << " sequences");
    Batch batch(call, page_tokens, draw_stored(random), contexts, random);
    batch.with_sinks = random.chance(0.3);
    batch.expect_reference();
  }
}

TEST_F(CudaPagedAttention, ReadsPagesOfFp32InEveryHeadDimAndGroup) {
  Random random(fresh_seed());
  for (const std::uint32_t head_dim : {64U, 80U, 96U, 128U, 256U}) {
    for (const std::uint32_t group : {1U, 2U, 3U, 4U, 7U}) {
      PagedAttention call;
      call.kv_heads = 2;
      call.q_heads = call.kv_heads * group;
      call.head_dim = head_dim;
      call.scale = 1 / std::sqrt(static_cast<float>(head_dim));
      SCOPED_TRACE(::testing::Message() << group << " heads a KV head of " << head_dim);
      const auto context = static_cast<std::uint32_t>(1 + random.below(80));
      Batch batch(call, draw_page_tokens(random), FloatFormat::fp32, {context, 16, 33}, random);
      batch.expect_reference();
    }
  }
}

TEST_F(CudaPagedAttention, MergesTheSplitsOfALongContext) {
  Random random(fresh_seed());
  for (const std::uint32_t context : {255U, 256U, 257U, 288U, 511U, 1300U}) {
    PagedAttention call = draw_call(random);
    call.q_heads = 2 * call.kv_heads;
    SCOPED_TRACE(::testing::Message() << context << " tokens, head_dim " << call.head_dim);
    Batch batch(call, draw_page_tokens(random), draw_stored(random), {context, context / 2}, random);
    batch.with_sinks = random.chance(0.5);
    batch.expect_reference();
  }
}

TEST_F(CudaPagedAttention, AttendsToExactlyTheLastTokensOfAWindow) {
  Random random(fresh_seed());
  for (const std::uint32_t context : {1U, 31U, 33U, 256U, 300U, 620U}) {
    for (const std::uint32_t window : {1U, 31U, 32U, context - 1, context, context + 1, 257U}) {
      PagedAttention call;
      call.kv_heads = 1;
      call.q_heads = 2;
      call.head_dim = 64;
      call.scale = 0.125F;
      call.window_tokens = window;
      SCOPED_TRACE(::testing::Message() << "window " << window << " of " << context << " tokens");
      Batch batch(call, draw_page_tokens(random), FloatFormat::bf16, {context}, random);
      batch.expect_reference();
    }
  }
}

TEST_F(CudaPagedAttention, NeverReadsWhatLiesBeforeTheWindow) {
  Random random(fresh_seed());
  PagedAttention call;
  call.kv_heads = 1;
  call.q_heads = 4;
  call.head_dim = 64;
  call.window_tokens = 40;
  Batch batch(call, 8, FloatFormat::fp16, {100}, random);
  const std::vector<float> expected = batch.on_device();
  // The window begins with token 60, in page 7.
  for (std::size_t page = 0; page < 7; ++page) batch.cache.table()[page] = batch.cache.pages();
  EXPECT_EQ(batch.on_device(), expected);
}

TEST_F(CudaPagedAttention, StaysExactWhereLogitsAreLarge) {
  Random random(fresh_seed());
  PagedAttention call;
  call.kv_heads = 1;
  call.q_heads = 8;
  call.head_dim = 128;
  call.scale = 30;  // logits of some hundreds: without the largest taken off, exp() would overflow
  Batch batch(call, 16, FloatFormat::bf16, {700, 90}, random);
  EXPECT_LT(relative_distance(batch.reference(), batch.on_device()), 1e-3);
  batch.call.scale = -1;
  batch.call.soft_cap = 2;
  batch.expect_reference();
}

TEST_F(CudaPagedAttention, ReadsPagesThatSequencesShare) {
  Random random(fresh_seed());
  PagedAttention call;
  call.kv_heads = 2;
  call.q_heads = 6;
  call.head_dim = 96;
  call.scale = 0.1F;
  Batch batch(call, 16, FloatFormat::bf16, {75, 80, 48}, random);
  const std::size_t pages_max = batch.cache.table().size() / 3;
  for (std::size_t page = 0; page < 3; ++page) {
    batch.cache.table()[pages_max + page] = batch.cache.table()[page];
    batch.cache.table()[2 * pages_max + page] = batch.cache.table()[page];
  }
  batch.expect_reference();
}

TEST_F(CudaPagedAttention, GivesTheSameBitsInAnyBatchAndUnderAnyBound) {
  Random random(fresh_seed());
  PagedAttention call;
  call.kv_heads = 2;
  call.q_heads = 8;
  call.head_dim = 64;
  call.scale = 0.2F;
  Batch batch(call, 16, FloatFormat::fp16, {530, 100}, random);
  const std::vector<float> expected = batch.on_device();
  EXPECT_EQ(batch.on_device(), expected);
  batch.call.context_tokens_max = 2000;
  EXPECT_EQ(batch.on_device(), expected);
  batch.contexts[1] = 3;
  std::vector<float> other = batch.on_device();
  const auto half = static_cast<std::ptrdiff_t>(other.size() / 2);
  EXPECT_TRUE(std::equal(other.begin(), other.begin() + half, expected.begin()));
}

TEST_F(CudaPagedAttention, TellsAMissingPageByNotANumber) {
  Random random(fresh_seed());
  PagedAttention call;
  call.kv_heads = 1;
  call.q_heads = 1;
  call.head_dim = 64;
  Batch batch(call, 16, FloatFormat::bf16, {64, 64, 64}, random);
  batch.cache.table()[4 + 2] = batch.cache.pages();
  batch.contexts[2] = 65;  // beyond the block table
  batch.call.context_tokens_max = 65;
  batch.expect_reference();
  EXPECT_TRUE(std::isnan(batch.on_device()[64]));
  EXPECT_TRUE(std::isnan(batch.on_device()[2 * 64]));
  batch.call.context_tokens_max = 64;
  batch.expect_reference();
}

TEST_F(CudaPagedAttention, RefusesShapesThatItHasNoKernelFor) {
  Random random(fresh_seed());
  PagedAttention call;
  call.kv_heads = 2;
  call.q_heads = 4;
  call.head_dim = 64;
  Batch batch(call, 4, FloatFormat::bf16, {8}, random);
  const PagedCache::OnDevice pages(batch.cache);
  const DeviceArray<float> output(batch.values());
  const DeviceArray<std::uint32_t> contexts(batch.contexts);
  const DeviceArray<float> workspace(4096);
  call = batch.call;
  call.q = batch.q.device();
  call.output = output.data();
  call.context_tokens = contexts.data();
  const auto attend = [&](auto change) {
    KvPages view = pages.view;
    PagedAttention changed = call;
    std::uint64_t bytes = workspace.size() * sizeof(float);
    change(view, changed, bytes);
    return kernels::cuda::paged_attention(view, changed, workspace.data(), bytes, nullptr);
  };
  using Bytes = std::uint64_t;
  EXPECT_EQ(attend([](KvPages&, PagedAttention&, Bytes&) {}), cudaSuccess);
  EXPECT_EQ(attend([](KvPages& p, PagedAttention&, Bytes&) { p.sequences = 0; }), cudaSuccess);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.q = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.output = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.context_tokens = nullptr; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.head_dim = 72; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.q_heads = 5; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.q_heads = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.kv_heads = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.kv_heads = 4; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.soft_cap = -1; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention& c, Bytes&) { c.context_tokens_max = 1U << 29; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, PagedAttention&, Bytes& bytes) { bytes = 1; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages& p, PagedAttention&, Bytes&) { p.sequences = 65536; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages& p, PagedAttention&, Bytes&) { p.format = FloatFormat::fp32; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(kernels::cuda::paged_attention(pages.view, call, nullptr, 1U << 20, nullptr),
            cudaErrorInvalidValue);
}

}  // namespace
}  // namespace prophet::kernels_test
