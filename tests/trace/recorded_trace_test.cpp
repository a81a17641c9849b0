#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "runtime/trace/load_trace.hpp"

namespace prophet::testing {
namespace {

const std::filesystem::path folder = std::filesystem::path(PROPHET_SOURCE_DIR) / "../shared/traces";

/// One bit an expert; recorded traces here have at most 64.
using Mask = std::uint64_t;

Mask chosen(const RoutingTrace& trace, std::uint64_t token, std::uint32_t layer) {
  Mask mask = 0;
  for (std::uint32_t rank = 0; rank < trace.shape().top_k; ++rank) {
    mask |= Mask{1} << trace.expert(token, LayerId{layer}, rank).value;
  }
  return mask;
}

/// Share of a token's experts that its predecessor in the same sequence chose too, without looping text.
double repeated_share(const RoutingTrace& trace) {
  std::uint64_t repeated = 0;
  std::uint64_t all = 0;
  for (const auto& sequence : trace.sequences()) {
    if ((sequence.flags & sequence_flags::repetitive) != 0) continue;
    for (std::uint64_t token = sequence.first_token + 1; token < sequence.first_token + sequence.tokens;
         ++token) {
      for (std::uint32_t layer = 0; layer < trace.shape().grid.layers; ++layer) {
        repeated += static_cast<unsigned>(
            __builtin_popcountll(chosen(trace, token, layer) & chosen(trace, token - 1, layer)));
        all += trace.shape().top_k;
      }
    }
  }
  return static_cast<double>(repeated) / static_cast<double>(all);
}

/// Recall of the `guesses` most popular experts of each layer, counted on the first half of the sequences and
/// tested on the second.
double static_recall(const RoutingTrace& trace, std::size_t guesses) {
  std::vector<SequenceInfo> kept;
  for (const auto& sequence : trace.sequences()) {
    if ((sequence.flags & sequence_flags::repetitive) == 0) kept.push_back(sequence);
  }
  const auto experts = trace.shape().grid.experts;
  std::uint64_t found = 0;
  std::uint64_t all = 0;
  for (std::uint32_t layer = 0; layer < trace.shape().grid.layers; ++layer) {
    std::vector<std::uint64_t> counts(experts);
    Mask popular = 0;
    for (std::size_t at = 0; at < kept.size(); ++at) {
      if (at == kept.size() / 2) {
        std::vector<std::uint32_t> order(experts);
        std::iota(order.begin(), order.end(), 0U);
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
        for (std::size_t guess = 0; guess < guesses; ++guess) popular |= Mask{1} << order[guess];
      }
      for (std::uint64_t token = kept[at].first_token; token < kept[at].first_token + kept[at].tokens;
           ++token) {
        const auto mask = chosen(trace, token, layer);
        for (std::uint32_t expert = 0; expert < experts; ++expert) counts[expert] += (mask >> expert) & 1;
        if (popular == 0) continue;
        found += static_cast<unsigned>(__builtin_popcountll(mask & popular));
        all += trace.shape().top_k;
      }
    }
  }
  return static_cast<double>(found) / static_cast<double>(all);
}

TEST(RecordedTrace, GptOssReadsBackWithTheFiguresOfItsSource) {
  const auto path = folder / "gpt-oss-20b.decode.mrt.xz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto trace = load_trace(path);
  EXPECT_EQ(trace.shape(), (TraceShape{{24, 32}, 4, 0, 1}));
  EXPECT_EQ(trace.sequences().size(), 545U);
  EXPECT_EQ(trace.tokens(), 175'101U);
  EXPECT_FALSE(trace.has_weights());
  EXPECT_NEAR(repeated_share(trace), 0.44, 0.01);
  EXPECT_NEAR(static_recall(trace, 4), 0.21, 0.01);
  EXPECT_NEAR(static_recall(trace, 8), 0.42, 0.012);
}

TEST(RecordedTrace, GptOssWithWeightsHasThemByFallingRank) {
  const auto path = folder / "gpt-oss-20b.decode.64seq.weights.mrt.xz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto trace = load_trace(path);
  EXPECT_EQ(trace.sequences().size(), 64U);
  EXPECT_EQ(trace.tokens(), 28'619U);
  ASSERT_TRUE(trace.has_weights());
  std::uint64_t falling = 0;
  for (std::uint64_t token = 0; token < trace.tokens(); ++token) {
    const auto weights = trace.weights(token, LayerId{7});
    falling += std::is_sorted(weights.rbegin(), weights.rend()) ? 1 : 0;
  }
  EXPECT_EQ(falling, trace.tokens());
}

}  // namespace
}  // namespace prophet::testing
