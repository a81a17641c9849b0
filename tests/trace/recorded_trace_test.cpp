#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include "runtime/trace/load_trace.hpp"
#include "tests/trace/trace_samples.hpp"

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
            std::popcount(chosen(trace, token, layer) & chosen(trace, token - 1, layer)));
        all += trace.shape().top_k;
      }
    }
  }
  return static_cast<double>(repeated) / static_cast<double>(all);
}

/// Predictors of one layer's experts from the layer before, counted token by token. Laplace-smoothed.
class LayerCounts {
 public:
  explicit LayerCounts(std::uint32_t experts) : experts_(experts), next_(experts), both_(experts * experts) {}

  void train(Mask before, Mask now) {
    ++tokens_;
    for_each(now, [&](std::uint32_t to) {
      ++next_[to];
      for_each(before, [&](std::uint32_t from) { ++both_[from * experts_ + to]; });
    });
  }
  /// Ends training. Naive Bayes: log P(to) + sum over the experts before of log P(from | to).
  void finish() {
    for (std::uint32_t from = 0; from < experts_; ++from) {
      for (std::uint32_t to = 0; to < experts_; ++to) {
        double& cell = both_[from * experts_ + to];
        cell = std::log((cell + 1.0) / (next_[to] + 2.0));
      }
    }
    popularity_ = popularity();
  }
  [[nodiscard]] std::vector<double> transition_scores(Mask before) const {
    auto scores = popularity_;
    for_each(before, [&](std::uint32_t from) {
      for (std::uint32_t to = 0; to < experts_; ++to) scores[to] += both_[from * experts_ + to];
    });
    return scores;
  }
  [[nodiscard]] Mask best(const std::vector<double>& scores, std::size_t guesses) const {
    std::vector<std::uint32_t> order(experts_);
    std::iota(order.begin(), order.end(), 0U);
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(guesses), order.end(),
                      [&](auto a, auto b) { return scores[a] > scores[b]; });
    Mask mask = 0;
    for (std::size_t guess = 0; guess < guesses; ++guess) mask |= Mask{1} << order[guess];
    return mask;
  }

  [[nodiscard]] Mask popular(std::size_t guesses) const { return best(popularity_, guesses); }

 private:
  template <class Each>
  static void for_each(Mask mask, Each each) {
    for (; mask != 0; mask &= mask - 1) each(static_cast<std::uint32_t>(std::countr_zero(mask)));
  }
  [[nodiscard]] std::vector<double> popularity() const {
    std::vector<double> scores(experts_);
    for (std::uint32_t to = 0; to < experts_; ++to)
      scores[to] = std::log((next_[to] + 1.0) / (tokens_ + 2.0));
    return scores;
  }
  std::uint32_t experts_;
  double tokens_ = 0;
  std::vector<double> next_;
  std::vector<double> both_;
  std::vector<double> popularity_;
};

struct Recalls {
  double transition_4 = 0;
  double transition_8 = 0;
  double static_4 = 0;
  double static_8 = 0;
};

/// Trained on the first half of the sequences without looping text, tested on the second, layers 1 and up.
Recalls recalls(const RoutingTrace& trace) {
  std::vector<SequenceInfo> kept;
  for (const auto& sequence : trace.sequences()) {
    if ((sequence.flags & sequence_flags::repetitive) == 0) kept.push_back(sequence);
  }
  const auto for_tokens = [&](std::size_t from, std::size_t to, auto each) {
    for (; from < to; ++from) {
      for (std::uint32_t at = 0; at < kept[from].tokens; ++at) each(kept[from].first_token + at);
    }
  };
  const auto found = [](Mask guessed, Mask truth) { return std::popcount(guessed & truth); };
  Recalls sum;
  double all = 0;
  for (std::uint32_t layer = 1; layer < trace.shape().grid.layers; ++layer) {
    LayerCounts counts(trace.shape().grid.experts);
    for_tokens(0, kept.size() / 2, [&](std::uint64_t token) {
      counts.train(chosen(trace, token, layer - 1), chosen(trace, token, layer));
    });
    counts.finish();
    const auto popular_4 = counts.popular(4);
    const auto popular_8 = counts.popular(8);
    for_tokens(kept.size() / 2, kept.size(), [&](std::uint64_t token) {
      const auto before = chosen(trace, token, layer - 1);
      const auto now = chosen(trace, token, layer);
      const auto scores = counts.transition_scores(before);
      sum.transition_4 += found(counts.best(scores, 4), now);
      sum.transition_8 += found(counts.best(scores, 8), now);
      sum.static_4 += found(popular_4, now);
      sum.static_8 += found(popular_8, now);
      all += trace.shape().top_k;
    });
  }
  return {sum.transition_4 / all, sum.transition_8 / all, sum.static_4 / all, sum.static_8 / all};
}

/// Mean over layers and draws of the different experts that `lanes` tokens of different sequences choose.
double unique_experts(const RoutingTrace& trace, std::size_t lanes, Random& random) {
  constexpr int draws = 300;
  std::vector<SequenceInfo> kept;
  for (const auto& sequence : trace.sequences()) {
    if ((sequence.flags & sequence_flags::repetitive) == 0) kept.push_back(sequence);
  }
  double sum = 0;
  for (int draw = 0; draw < draws; ++draw) {
    std::vector<std::uint64_t> tokens;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      std::swap(kept[lane], kept[lane + random.below(kept.size() - lane)]);
      tokens.push_back(kept[lane].first_token + random.below(kept[lane].tokens));
    }
    for (std::uint32_t layer = 0; layer < trace.shape().grid.layers; ++layer) {
      Mask all = 0;
      for (const auto token : tokens) all |= chosen(trace, token, layer);
      sum += std::popcount(all);
    }
  }
  return sum / draws / trace.shape().grid.layers;
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
  const auto seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  constexpr std::pair<std::size_t, double> experts_of_lanes[] = {{1, 4},   {4, 12},  {8, 18},
                                                                 {16, 23}, {32, 27}, {64, 29}};
  for (const auto& [lanes, experts] : experts_of_lanes) {
    EXPECT_NEAR(unique_experts(trace, lanes, random), experts, 0.8) << lanes << " lanes";
  }
  const auto recall = recalls(trace);
  EXPECT_NEAR(recall.transition_4, 0.62, 0.01);
  EXPECT_NEAR(recall.transition_8, 0.83, 0.01);
  // The source says "0.21 and 0.42" without saying how it averages; over tokens it is 0.222 and 0.444.
  EXPECT_NEAR(recall.static_4, 0.21, 0.015);
  EXPECT_NEAR(recall.static_8, 0.42, 0.03);
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
