#include "kernels/mix_experts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "tests/kernels/numbers.hpp"

namespace prophet::kernels {
namespace {

using testing::fresh_seed;
using testing::random_floats;

/// A layer's end for some tokens.
struct Mix {
  Mix(Random& random, std::uint32_t token_count, std::uint32_t chosen, std::uint32_t width)
      : tokens(token_count),
        top_k(chosen),
        hidden_size(width),
        hidden(random_floats(random, std::size_t{tokens} * hidden_size)),
        outputs(random_floats(random, std::size_t{tokens} * top_k * hidden_size)),
        weights(random_floats(random, std::size_t{tokens} * top_k)),
        shared(random_floats(random, hidden.size())),
        gate(random_floats(random, tokens)),
        slots(weights.size()) {
    std::iota(slots.begin(), slots.end(), 0U);
    for (std::size_t i = slots.size(); i > 1; --i) std::swap(slots[i - 1], slots[random.below(i)]);
    for (float& one : gate) one *= 10;
  }
  [[nodiscard]] ExpertMix call(std::vector<float>& into) const {
    return {.hidden = into.data(),
            .outputs = outputs.data(),
            .output_rows = slots.size(),
            .weights = weights.data(),
            .slots = slots,
            .shared = shared.data(),
            .shared_gate = gate.data(),
            .tokens = tokens,
            .top_k = top_k,
            .hidden_size = hidden_size};
  }
  /// Token t alone.
  [[nodiscard]] ExpertMix call(std::vector<float>& into, std::size_t t) const {
    ExpertMix one = call(into);
    one.weights += t * top_k;
    one.slots = one.slots.subspan(t * top_k, top_k);
    one.shared += t * hidden_size;
    one.shared_gate += t;
    one.tokens = 1;
    return one;
  }
  [[nodiscard]] double expected(std::size_t t, std::size_t i, bool with_shared, bool with_gate) const {
    double sum = hidden[t * hidden_size + i];
    for (std::size_t r = t * top_k; r < (t + 1) * top_k; ++r)
      sum += double{weights[r]} * outputs[slots[r] * hidden_size + i];
    const double scale = with_gate ? 1 / (1 + std::exp(-double{gate[t]})) : 1;
    return sum + (with_shared ? scale * shared[t * hidden_size + i] : 0);
  }

  std::uint32_t tokens, top_k, hidden_size;
  std::vector<float> hidden, outputs, weights, shared, gate;
  std::vector<std::uint32_t> slots;
};

TEST(MixExperts, IsTheWeightedSumInFp64ButForRounding) {
  Random random(fresh_seed());
  for (int repetition = 0; repetition < 20; ++repetition) {
    const Mix mix(random, 3, static_cast<std::uint32_t>(random.below(9)),
                  static_cast<std::uint32_t>(1 + random.below(200)));
    const bool with_shared = random.chance(0.7);
    const bool with_gate = with_shared && random.chance(0.5);
    std::vector<float> hidden = mix.hidden;
    ExpertMix call = mix.call(hidden);
    if (!with_shared) call.shared = nullptr;
    if (!with_gate) call.shared_gate = nullptr;
    ASSERT_EQ(mix_experts(call), Status::ok);
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      EXPECT_NEAR(hidden[i], mix.expected(i / mix.hidden_size, i % mix.hidden_size, with_shared, with_gate),
                  2e-6);
    }
  }
}

TEST(MixExperts, ATokenDependsOnNoOtherAndNotOnWhereOutputsLie) {
  Random random(fresh_seed());
  const Mix mix(random, 6, 4, 130);
  std::vector<float> together = mix.hidden;
  ASSERT_EQ(mix_experts(mix.call(together)), Status::ok);
  for (std::size_t t = 0; t < mix.tokens; ++t) {
    const auto begin = mix.hidden.begin() + static_cast<std::ptrdiff_t>(t * mix.hidden_size);
    std::vector<float> alone(begin, begin + mix.hidden_size);
    ASSERT_EQ(mix_experts(mix.call(alone, t)), Status::ok);
    for (std::size_t i = 0; i < alone.size(); ++i) EXPECT_EQ(alone[i], together[t * mix.hidden_size + i]);
  }
  // The same outputs one behind the other in the order of slots.
  Mix sorted = mix;
  for (std::size_t r = 0; r < mix.slots.size(); ++r) {
    std::copy_n(mix.outputs.begin() + mix.slots[r] * mix.hidden_size, mix.hidden_size,
                sorted.outputs.begin() + static_cast<std::ptrdiff_t>(r * mix.hidden_size));
    sorted.slots[r] = static_cast<std::uint32_t>(r);
  }
  std::vector<float> elsewhere = mix.hidden;
  ASSERT_EQ(mix_experts(sorted.call(elsewhere)), Status::ok);
  EXPECT_EQ(elsewhere, together);
}

/// In the order of r with one rounding a product: 2^24 takes a 1 by itself no notice, and 1 + 1 makes 2.
TEST(MixExperts, AddsInTheOrderOfTheChoiceBeforeHidden) {
  const std::vector<float> outputs = {1, 0x1p24F, -0x1p24F};
  const std::vector<float> weights = {1, 1, 1};
  std::vector<float> hidden = {0.5F};
  const std::vector<std::uint32_t> slots = {1, 0, 2};
  ExpertMix call{.hidden = hidden.data(),
                 .outputs = outputs.data(),
                 .output_rows = 3,
                 .weights = weights.data(),
                 .slots = slots,
                 .tokens = 1,
                 .top_k = 3,
                 .hidden_size = 1};
  ASSERT_EQ(mix_experts(call), Status::ok);
  EXPECT_EQ(hidden[0], 0.5F);
  const std::vector<std::uint32_t> other = {1, 2, 0};
  call.slots = other;
  ASSERT_EQ(mix_experts(call), Status::ok);
  EXPECT_EQ(hidden[0], 1.5F);
}

TEST(MixExperts, RefusesShapesSlotsAndNullPointersAndWritesNothing) {
  Random random(fresh_seed());
  const Mix mix(random, 2, 2, 4);
  std::vector<float> hidden(8, 5);
  const auto with = [&](auto change) {
    ExpertMix call = mix.call(hidden);
    change(call);
    return mix_experts(call);
  };
  EXPECT_EQ(with([](ExpertMix& c) { c.hidden_size = 0; }), Status::bad_shape);
  EXPECT_EQ(with([](ExpertMix& c) { c.top_k = 3; }), Status::bad_shape);
  EXPECT_EQ(with([](ExpertMix& c) { c.shared = nullptr; }), Status::bad_shape);
  EXPECT_EQ(with([](ExpertMix& c) { c.output_rows = 3; }), Status::index_out_of_range);
  EXPECT_EQ(with([](ExpertMix& c) { c.hidden = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](ExpertMix& c) { c.outputs = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](ExpertMix& c) { c.weights = nullptr; }), Status::null_pointer);
  EXPECT_EQ(with([](ExpertMix& c) { c.tokens = 0, c.slots = {}, c.hidden = nullptr; }), Status::ok);
  EXPECT_EQ(hidden, std::vector<float>(8, 5));
}

}  // namespace
}  // namespace prophet::kernels
