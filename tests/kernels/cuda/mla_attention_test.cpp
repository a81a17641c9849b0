#include "kernels/cuda/mla_attention.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/kv_append.hpp"
#include "tests/kernels/cuda/device_array.hpp"
#include "tests/kernels/cuda/kv_cache.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels_test {
namespace {

using kernels::MlaAttention;
using testing::fresh_seed;
using testing::random_floats;

/// A batch with its latent cache: contexts, queries, and rows written at random.
struct LatentBatch {
  LatentBatch(const MlaAttention& call_, std::uint32_t page_tokens, FloatFormat format,
              const std::vector<std::uint32_t>& contexts_, Random& random)
      : call(call_),
        contexts(contexts_),
        cache({.token_bytes = std::uint64_t{2} * kernels::mla_row_dim,
               .page_tokens = page_tokens,
               .sequences = static_cast<std::uint32_t>(contexts.size()),
               .pages_max = std::max(
                   1U, (*std::max_element(contexts.begin(), contexts.end()) + page_tokens - 1) / page_tokens),
               .format = format},
              random),
        q_latent(random_floats(random, contexts.size() * call.heads * kernels::mla_latent_dim),
                 call.q_format),
        q_rope(random_floats(random, contexts.size() * call.heads * kernels::mla_rope_dim), call.q_format) {
    for (std::uint32_t s = 0; s < contexts.size(); ++s) write_context(s, random);
    call.context_tokens_max = *std::max_element(contexts.begin(), contexts.end());
  }

  void write_context(std::uint32_t sequence, Random& random) {
    const std::uint32_t tokens = contexts[sequence];
    const std::vector<std::uint32_t> sequence_of(tokens, sequence);
    std::vector<std::uint32_t> positions(tokens);
    for (std::uint32_t t = 0; t < tokens; ++t) positions[t] = t;
    const auto rows = random_floats(random, std::size_t{tokens} * kernels::mla_row_dim);
    ASSERT_EQ(kernels::latent_append(cache.host(), {.rows = rows.data(),
                                                    .tokens = tokens,
                                                    .row_dim = kernels::mla_row_dim,
                                                    .positions = positions.data(),
                                                    .sequence_of = sequence_of.data()}),
              kernels::Status::ok);
  }

  [[nodiscard]] std::size_t values() const { return contexts.size() * call.heads * kernels::mla_latent_dim; }

  [[nodiscard]] std::vector<float> as_floats(const void* output) const {
    std::vector<float> numbers(values());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = kernels::load_as_float(output, i, call.output_format);
    }
    return numbers;
  }

  [[nodiscard]] std::vector<float> reference() {
    std::vector<std::byte> output(values() * kernels::format_bytes(call.output_format));
    MlaAttention host = call;
    host.q_latent = q_latent.host();
    host.q_rope = q_rope.host();
    host.output = output.data();
    host.context_tokens = contexts.data();
    EXPECT_EQ(kernels::mla_attention(cache.host(), host), kernels::Status::ok);
    return as_floats(output.data());
  }

  [[nodiscard]] std::vector<float> on_device() {
    const PagedCache::OnDevice pages(cache);
    const DeviceArray<std::byte> output(values() * kernels::format_bytes(call.output_format));
    const DeviceArray<std::uint32_t> device_contexts(contexts);
    MlaAttention device = call;
    device.q_latent = q_latent.device();
    device.q_rope = q_rope.device();
    device.output = output.data();
    device.context_tokens = device_contexts.data();
    const std::uint64_t bytes = kernels::cuda::mla_attention_workspace_bytes(pages.view.sequences, device);
    const DeviceArray<std::byte> workspace(bytes);
    expect_ok(kernels::cuda::mla_attention(pages.view, device, workspace.data(), bytes, nullptr));
    return as_floats(output.read().data());
  }

  void expect_reference() {
    EXPECT_LT(relative_distance(reference(), on_device()),
              call.output_format == FloatFormat::fp32 ? 1e-5 : 1e-2);
  }

  MlaAttention call;
  std::vector<std::uint32_t> contexts;
  PagedCache cache;
  FormattedArray q_latent;
  FormattedArray q_rope;
};

MlaAttention call_of(std::uint32_t heads) {
  MlaAttention call;
  call.heads = heads;
  call.scale = 1 / std::sqrt(192.0F);
  return call;
}

class CudaMlaAttention : public OnDevice {};

TEST_F(CudaMlaAttention, IsTheReferenceAtAnyShapeAndContext) {
  Random random(fresh_seed());
  constexpr std::array<std::uint32_t, 5> all_page_tokens{1, 5, 16, 64, 100};
  for (int repetition = 0; repetition < 12; ++repetition) {
    MlaAttention call = call_of(static_cast<std::uint32_t>(1 + random.below(18)));
    call.q_format = static_cast<FloatFormat>(random.below(3));
    call.output_format = static_cast<FloatFormat>(random.below(3));
    const std::uint32_t page_tokens = all_page_tokens[random.below(all_page_tokens.size())];
    std::vector<std::uint32_t> contexts{static_cast<std::uint32_t>(random.below(150)), 0, 1, page_tokens,
                                        page_tokens + 1};
    contexts.resize(1 + random.below(contexts.size()));
    SCOPED_TRACE(::testing::Message() << call.heads << " heads, " << page_tokens << " tokens a page, "
                                      << contexts.size() << " sequences");
    LatentBatch batch(call, page_tokens, random.chance(0.5) ? FloatFormat::fp16 : FloatFormat::bf16, contexts,
                      random);
    batch.expect_reference();
  }
}

TEST_F(CudaMlaAttention, MergesTheSplitsOfALongContext) {
  Random random(fresh_seed());
  for (const std::uint32_t context : {255U, 256U, 257U, 272U, 800U}) {
    SCOPED_TRACE(context);
    LatentBatch batch(call_of(3), 48, FloatFormat::bf16, {context, context / 2}, random);
    batch.expect_reference();
  }
}

TEST_F(CudaMlaAttention, StaysExactWhereLogitsAreLarge) {
  Random random(fresh_seed());
  MlaAttention call = call_of(8);
  call.scale = 20;
  LatentBatch batch(call, 16, FloatFormat::fp16, {300}, random);
  EXPECT_LT(relative_distance(batch.reference(), batch.on_device()), 1e-3);
}

TEST_F(CudaMlaAttention, GivesTheSameBitsInAnyBatchAndUnderAnyBound) {
  Random random(fresh_seed());
  LatentBatch batch(call_of(5), 16, FloatFormat::bf16, {300, 70}, random);
  const std::vector<float> expected = batch.on_device();
  EXPECT_EQ(batch.on_device(), expected);
  batch.call.context_tokens_max = 1000;
  batch.contexts[1] = 2;
  const std::vector<float> other = batch.on_device();
  const auto half = static_cast<std::ptrdiff_t>(other.size() / 2);
  EXPECT_TRUE(std::equal(other.begin(), other.begin() + half, expected.begin()));
}

TEST_F(CudaMlaAttention, TellsAMissingPageByNotANumber) {
  Random random(fresh_seed());
  LatentBatch batch(call_of(2), 16, FloatFormat::bf16, {48, 48, 48}, random);
  batch.cache.table()[3 + 2] = batch.cache.pages();
  batch.contexts[2] = 49;  // beyond the block table
  batch.call.context_tokens_max = 49;
  batch.expect_reference();
  EXPECT_TRUE(std::isnan(batch.on_device().back()));
  batch.call.context_tokens_max = 48;
  batch.expect_reference();
}

TEST_F(CudaMlaAttention, RefusesOtherWidths) {
  Random random(fresh_seed());
  LatentBatch batch(call_of(2), 4, FloatFormat::bf16, {8}, random);
  const PagedCache::OnDevice pages(batch.cache);
  const DeviceArray<float> output(batch.values());
  const DeviceArray<std::uint32_t> contexts(batch.contexts);
  const DeviceArray<float> workspace(4096);
  MlaAttention sound = batch.call;
  sound.q_latent = batch.q_latent.device();
  sound.q_rope = batch.q_rope.device();
  sound.output = output.data();
  sound.context_tokens = contexts.data();
  const auto attend = [&](auto change) {
    KvPages view = pages.view;
    MlaAttention call = sound;
    std::uint64_t bytes = workspace.size() * sizeof(float);
    change(view, call, bytes);
    return kernels::cuda::mla_attention(view, call, workspace.data(), bytes, nullptr);
  };
  using Bytes = std::uint64_t;
  EXPECT_EQ(attend([](KvPages&, MlaAttention&, Bytes&) {}), cudaSuccess);
  EXPECT_EQ(attend([](KvPages& p, MlaAttention&, Bytes&) { p.sequences = 0; }), cudaSuccess);
  EXPECT_EQ(attend([](KvPages&, MlaAttention& c, Bytes&) { c.latent_dim = 256; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, MlaAttention& c, Bytes&) { c.rope_dim = 32; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, MlaAttention& c, Bytes&) { c.q_latent = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, MlaAttention& c, Bytes&) { c.q_rope = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, MlaAttention& c, Bytes&) { c.output = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, MlaAttention& c, Bytes&) { c.context_tokens = nullptr; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, MlaAttention& c, Bytes&) { c.heads = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, MlaAttention& c, Bytes&) { c.context_tokens_max = 1U << 29; }),
            cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages& p, MlaAttention&, Bytes&) { p.page_tokens = 5; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages& p, MlaAttention&, Bytes&) { p.sequences = 65536; }), cudaErrorInvalidValue);
  EXPECT_EQ(attend([](KvPages&, MlaAttention&, Bytes& bytes) { bytes = 1; }), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace prophet::kernels_test
