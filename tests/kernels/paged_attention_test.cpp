#include "kernels/paged_attention.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/kv_append.hpp"
#include "kernels/mla_attention.hpp"

namespace prophet::kernels {
namespace {

/// One sequence of `tokens` in pages of two, backwards in memory; K and V are all zeros but for what a test
/// sets.
class OneSequence {
 public:
  OneSequence(std::uint32_t tokens, std::uint32_t token_values) : token_bytes_(token_values * 2) {
    const std::uint32_t pages = (tokens + 1) / 2;
    memory_.resize(std::size_t{pages} * 2 * token_bytes_);
    for (std::uint32_t page = pages; page != 0; --page) table_.push_back(page - 1);
  }

  [[nodiscard]] KvPages view() {
    return {.base = memory_.data(),
            .grid = {.slab_bytes = 2 * token_bytes_, .pages_per_slab = 1, .page_bytes = 2 * token_bytes_},
            .pages = static_cast<std::uint32_t>(table_.size()),
            .page_tokens = 2,
            .format = FloatFormat::fp16,
            .sequences = 1,
            .pages_max = static_cast<std::uint32_t>(table_.size()),
            .block_table = table_.data()};
  }

 private:
  std::uint32_t token_bytes_;
  std::vector<std::byte> memory_;
  std::vector<std::uint32_t> table_;
};

/// K has `k` in its first column and V has `v`, of every KV head h times (h + 1).
void append(OneSequence& sequence, std::uint32_t kv_heads, std::uint32_t position, float k, float v) {
  std::vector<float> ks(std::size_t{kv_heads} * 64);
  std::vector<float> vs(ks.size());
  for (std::size_t head = 0; head < kv_heads; ++head) {
    ks[head * 64] = k;
    vs[head * 64] = v * static_cast<float>(head + 1);
  }
  const std::uint32_t zero = 0;
  ASSERT_EQ(kv_append(sequence.view(), {.k = ks.data(),
                                        .v = vs.data(),
                                        .tokens = 1,
                                        .kv_heads = kv_heads,
                                        .head_dim = 64,
                                        .positions = &position,
                                        .sequence_of = &zero}),
            Status::ok);
}

/// The first column of each head's output for a query of ones.
std::vector<float> attend(OneSequence& sequence, PagedAttention call, std::uint32_t context) {
  const std::vector<float> q(std::size_t{call.q_heads} * 64, 1.0F);
  std::vector<float> output(q.size(), -1.0F);
  call.head_dim = 64;
  call.q = q.data();
  call.output = output.data();
  call.context_tokens = &context;
  call.context_tokens_max = context;
  EXPECT_EQ(paged_attention(sequence.view(), call), Status::ok);
  std::vector<float> first;
  for (std::size_t head = 0; head < call.q_heads; ++head) first.push_back(output[head * 64]);
  return first;
}

TEST(PagedAttention, WeighsTokensByTheExponentialsOfTheirLogits) {
  OneSequence sequence(3, 2 * 2 * 64);
  append(sequence, 2, 0, 0.0F, 1.0F);
  append(sequence, 2, 1, std::log(2.0F), 2.0F);
  append(sequence, 2, 2, std::log(5.0F), 4.0F);
  const auto output = attend(sequence, {.q_heads = 4, .kv_heads = 2}, 3);
  const float expected = (1 * 1 + 2 * 2 + 5 * 4) / 8.0F;
  EXPECT_NEAR(output[0], expected, 1e-3);  // fp16 rounds the logarithms
  EXPECT_EQ(output[1], output[0]);
  EXPECT_NEAR(output[2], 2 * expected, 2e-3);  // the second two heads read the second KV head
  EXPECT_EQ(output[3], output[2]);
}

TEST(PagedAttention, CutsTheWindowBeforeTheLastTokens) {
  OneSequence sequence(4, 2 * 64);
  for (std::uint32_t t = 0; t < 4; ++t) append(sequence, 1, t, 0.0F, static_cast<float>(1U << t));
  EXPECT_FLOAT_EQ(attend(sequence, {.q_heads = 1, .kv_heads = 1}, 4)[0], 15 / 4.0F);
  EXPECT_FLOAT_EQ(attend(sequence, {.q_heads = 1, .kv_heads = 1, .window_tokens = 4}, 4)[0], 15 / 4.0F);
  EXPECT_FLOAT_EQ(attend(sequence, {.q_heads = 1, .kv_heads = 1, .window_tokens = 2}, 4)[0], 12 / 2.0F);
  EXPECT_FLOAT_EQ(attend(sequence, {.q_heads = 1, .kv_heads = 1, .window_tokens = 1}, 4)[0], 8.0F);
  EXPECT_FLOAT_EQ(attend(sequence, {.q_heads = 1, .kv_heads = 1, .window_tokens = 2}, 3)[0], 6 / 2.0F);
}

TEST(PagedAttention, GivesTheSinkAShareWithoutAValue) {
  OneSequence sequence(2, 2 * 64);
  append(sequence, 1, 0, 0.0F, 8.0F);
  append(sequence, 1, 1, 0.0F, 8.0F);
  const std::array<float, 2> sinks{0.0F, std::log(2.0F)};
  const auto output = attend(sequence, {.q_heads = 2, .kv_heads = 1, .sinks = sinks.data()}, 2);
  EXPECT_FLOAT_EQ(output[0], 16 / 3.0F);
  EXPECT_FLOAT_EQ(output[1], 16 / 4.0F);
}

TEST(PagedAttention, CapsLogitsSoftly) {
  OneSequence sequence(2, 2 * 64);
  append(sequence, 1, 0, 1000.0F, 1.0F);
  append(sequence, 1, 1, 0.0F, 0.0F);
  const auto output = attend(sequence, {.q_heads = 1, .kv_heads = 1, .soft_cap = 2.0F}, 2);
  EXPECT_FLOAT_EQ(output[0], 1 / (1 + std::exp(-2.0F)));
}

TEST(PagedAttention, IsZeroWithoutAContext) {
  OneSequence sequence(2, 2 * 64);
  EXPECT_EQ(attend(sequence, {.q_heads = 1, .kv_heads = 1}, 0)[0], 0.0F);
}

TEST(MlaAttention, TakesTheLatentPartOfARowForItsValue) {
  OneSequence sequence(2, mla_row_dim);
  std::vector<float> rows(std::size_t{2} * mla_row_dim);
  rows[0] = 3;                                // the first token's latent
  rows[mla_row_dim] = 1;                      // the second's
  rows[mla_row_dim + mla_latent_dim] = 2.0F;  // and its rope
  const std::array<std::uint32_t, 2> positions{0, 1};
  const std::array<std::uint32_t, 2> sequence_of{0, 0};
  ASSERT_EQ(latent_append(sequence.view(), {.rows = rows.data(),
                                            .tokens = 2,
                                            .row_dim = mla_row_dim,
                                            .positions = positions.data(),
                                            .sequence_of = sequence_of.data()}),
            Status::ok);
  std::vector<float> q_latent(mla_latent_dim);
  std::vector<float> q_rope(mla_rope_dim);
  q_latent[0] = 1;
  q_rope[0] = 2;
  std::vector<float> output(mla_latent_dim, -1.0F);
  const std::uint32_t context = 2;
  MlaAttention call;
  call.q_latent = q_latent.data();
  call.q_rope = q_rope.data();
  call.output = output.data();
  call.heads = 1;
  call.context_tokens = &context;
  call.context_tokens_max = context;
  call.scale = 0.5F;
  ASSERT_EQ(mla_attention(sequence.view(), call), Status::ok);
  // Logits 0.5 * 3 and 0.5 * (1 + 2 * 2): the second weighs e times the first.
  const float e = std::exp(1.0F);
  EXPECT_NEAR(output[0], (3 + e) / (1 + e), 1e-6);
  EXPECT_EQ(output[1], 0.0F);
  call.rope_dim = 0;
  EXPECT_EQ(mla_attention(sequence.view(), call), Status::bad_shape);
}

}  // namespace
}  // namespace prophet::kernels
