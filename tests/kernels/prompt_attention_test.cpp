// A prompt's attention: the tokens are rows of their own whose block tables are equal, in every format of
// pages.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/kv_append.hpp"
#include "kernels/mla_attention.hpp"
#include "kernels/paged_attention.hpp"
#include "tests/kernels/float_arrays.hpp"
#include "tests/kernels/numbers.hpp"

namespace prophet::kernels {
namespace {

using testing::float_formats;
using testing::fresh_seed;
using testing::random_floats;
using testing::rounded;

constexpr std::uint32_t page_tokens = 4;
constexpr std::uint32_t kv_heads = 2;
constexpr std::uint32_t q_heads = 4;
constexpr std::uint32_t head_dim = 64;
constexpr std::size_t kv_values = kv_heads * head_dim;
constexpr std::size_t q_values = q_heads * head_dim;

/// One sequence of `tokens`, appended whole; its pages lie backwards in memory.
class Prompt {
 public:
  Prompt(Random& random, std::uint32_t tokens, FloatFormat format)
      : tokens_(tokens),
        pages_((tokens + page_tokens - 1) / page_tokens),
        page_bytes_(static_cast<std::uint32_t>(page_tokens * kv_token_bytes(kv_heads, head_dim, format))),
        format_(format),
        memory_(std::size_t{pages_} * page_bytes_),
        k(random_floats(random, tokens * kv_values)),
        v(random_floats(random, tokens * kv_values)),
        q(random_floats(random, tokens * q_values)) {
    for (float& value : k) value *= 3;  // logits that tell tokens apart
    for (std::uint32_t row = 0; row < tokens; ++row) {
      for (std::uint32_t page = pages_; page != 0; --page) table_.push_back(page - 1);
      contexts_.push_back(row + 1);
    }
    std::vector<std::uint32_t> positions(tokens);
    std::iota(positions.begin(), positions.end(), 0U);
    const std::vector<std::uint32_t> sequence_of(tokens, 0);
    EXPECT_EQ(kv_append(pages(), {.k = k.data(),
                                  .v = v.data(),
                                  .tokens = tokens,
                                  .kv_heads = kv_heads,
                                  .head_dim = head_dim,
                                  .positions = positions.data(),
                                  .sequence_of = sequence_of.data()}),
              Status::ok);
    k = rounded(k, format);
    v = rounded(v, format);
  }

  [[nodiscard]] KvPages pages() {
    return {.base = memory_.data(),
            .grid = {.slab_bytes = page_bytes_, .pages_per_slab = 1, .page_bytes = page_bytes_},
            .pages = pages_,
            .page_tokens = page_tokens,
            .format = format_,
            .sequences = tokens_,
            .pages_max = pages_,
            .block_table = table_.data()};
  }
  [[nodiscard]] PagedAttention call(std::vector<float>& output) const {
    return {.q = q.data(),
            .output = output.data(),
            .q_heads = q_heads,
            .kv_heads = kv_heads,
            .head_dim = head_dim,
            .context_tokens = contexts_.data(),
            .context_tokens_max = tokens_,
            .scale = 0.125F};
  }
  /// Softmax and sum of one head of one query, in fp64 and two passes.
  [[nodiscard]] std::vector<double> attend_plainly(std::size_t row, std::size_t head,
                                                   std::uint32_t window) const {
    const std::size_t first = window == 0 || window > row + 1 ? 0 : row + 1 - window;
    const std::size_t kv_head = head / (q_heads / kv_heads);
    std::vector<double> logits;
    for (std::size_t t = first; t <= row; ++t) {
      double dot = 0;
      for (std::size_t i = 0; i < head_dim; ++i)
        dot += double{q[row * q_values + head * head_dim + i]} * k[t * kv_values + kv_head * head_dim + i];
      logits.push_back(0.125 * dot);
    }
    const double largest = *std::max_element(logits.begin(), logits.end());
    std::vector<double> output(head_dim);
    double total = 0;
    for (const double logit : logits) total += std::exp(logit - largest);
    for (std::size_t t = first; t <= row; ++t) {
      for (std::size_t i = 0; i < head_dim; ++i)
        output[i] +=
            std::exp(logits[t - first] - largest) / total * v[t * kv_values + kv_head * head_dim + i];
    }
    return output;
  }

 private:
  std::uint32_t tokens_, pages_, page_bytes_;
  FloatFormat format_;
  std::vector<std::byte> memory_;
  std::vector<std::uint32_t> table_, contexts_;

 public:
  std::vector<float> k, v, q;
};

TEST(PromptAttention, IsTheSoftmaxOfStoredNumbersInEveryFormat) {
  Random random(fresh_seed());
  for (const FloatFormat format : float_formats) {
    const auto tokens = static_cast<std::uint32_t>(20 + random.below(20));
    const std::uint32_t window = random.chance(0.5) ? 0 : 9;
    Prompt prompt(random, tokens, format);
    std::vector<float> output(tokens * q_values);
    PagedAttention call = prompt.call(output);
    call.window_tokens = window;
    ASSERT_EQ(paged_attention(prompt.pages(), call), Status::ok);
    for (std::size_t row = 0; row < tokens; ++row) {
      for (std::size_t head = 0; head < q_heads; ++head) {
        const std::vector<double> expected = prompt.attend_plainly(row, head, window);
        for (std::size_t i = 0; i < head_dim; ++i)
          ASSERT_NEAR(output[row * q_values + head * head_dim + i], expected[i], 1e-7) << row << " " << head;
      }
    }
  }
}

TEST(PromptAttention, AQueryDependsOnNoOther) {
  Random random(fresh_seed());
  for (const FloatFormat format : float_formats) {
    const std::uint32_t tokens = 19;
    Prompt prompt(random, tokens, format);
    std::vector<float> together(tokens * q_values);
    ASSERT_EQ(paged_attention(prompt.pages(), prompt.call(together)), Status::ok);
    std::vector<float> alone(together.size());
    for (std::size_t row = 0; row < tokens; ++row) {
      KvPages one = prompt.pages();
      one.sequences = 1;
      PagedAttention call = prompt.call(alone);
      call.q = prompt.q.data() + row * q_values;
      call.output = alone.data() + row * q_values;
      call.context_tokens += row;
      ASSERT_EQ(paged_attention(one, call), Status::ok);
    }
    EXPECT_EQ(alone, together);
  }
}

TEST(PromptAttention, PagesOfFp32KeepEveryBitAndNeedTheirRoom) {
  Random random(fresh_seed());
  Prompt prompt(random, 3, FloatFormat::fp32);
  std::vector<float> output(3 * q_values);
  KvPages pages = prompt.pages();
  EXPECT_EQ(*static_cast<const float*>(pages.base), prompt.k[0]);
  EXPECT_TRUE(can_attend(pages, prompt.call(output)));
  pages.grid.page_bytes /= 2;  // room for 16 bits
  EXPECT_FALSE(can_attend(pages, prompt.call(output)));
  EXPECT_EQ(paged_attention(pages, prompt.call(output)), Status::bad_shape);
  pages = prompt.pages();
  pages.format = FloatFormat{3};
  EXPECT_FALSE(can_attend(pages, prompt.call(output)));
  EXPECT_EQ(output, std::vector<float>(3 * q_values));
}

TEST(PromptAttention, LatentPagesStayOf16Bits) {
  std::vector<float> memory(std::size_t{2} * mla_row_dim);
  const std::uint32_t zero = 0;
  KvPages pages{
      .base = memory.data(),
      .grid = {.slab_bytes = memory.size() * 4, .pages_per_slab = 1, .page_bytes = 4 * 2 * mla_row_dim},
      .pages = 1,
      .page_tokens = 1,
      .format = FloatFormat::fp32,
      .sequences = 1,
      .pages_max = 1,
      .block_table = &zero};
  const LatentRows rows{
      .rows = memory.data(), .tokens = 1, .row_dim = mla_row_dim, .positions = &zero, .sequence_of = &zero};
  const MlaAttention call{.q_latent = memory.data(),
                          .q_rope = memory.data(),
                          .output = memory.data(),
                          .heads = 1,
                          .context_tokens = &zero};
  EXPECT_FALSE(can_append(pages, rows));
  EXPECT_FALSE(can_attend(pages, call));
  pages.format = FloatFormat::bf16;
  EXPECT_TRUE(can_attend(pages, call));
}

}  // namespace
}  // namespace prophet::kernels
