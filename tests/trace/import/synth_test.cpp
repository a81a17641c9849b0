#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "prophet/error.hpp"
#include "runtime/trace/synth.hpp"
#include "runtime/trace/trace_statistics.hpp"
#include "tests/trace/import/import_samples.hpp"

namespace prophet {
namespace {

/// All structure switched off: independent uniform choices.
SynthOptions plain_options(std::uint64_t seed) {
  SynthOptions options;
  options.layers = 4;
  options.experts = 16;
  options.sequences = 8;
  options.mean_sequence_tokens = 1000;
  options.max_sequence_tokens = 1000;
  options.zipf_exponent = options.persistence = options.coupling = options.topic_strength = 0;
  options.topic_drift = 0;
  options.seed = seed;
  return options;
}

/// E[m + (k - m)^2 / (E - m)] / k with m ~ Binomial(k, p): the expectation that synth.hpp states.
double expected_share(double k, double experts, double p) {
  double sum = 0;
  for (double m = 0; m <= k; ++m) {
    const double ways = std::round(std::tgamma(k + 1) / std::tgamma(m + 1) / std::tgamma(k - m + 1));
    sum += ways * std::pow(p, m) * std::pow(1 - p, k - m) * (m + (k - m) * (k - m) / (experts - m));
  }
  return sum / k;
}

double repeats(const SynthOptions& options) {
  return measure_trace(synthesise(options)).repeat_share.value();
}

/// With top-1: how often the commonest follower of an expert in the next layer follows it.
double commonest_follower_share(const RoutingTrace& trace) {
  const std::uint32_t experts = trace.shape().grid.experts;
  double followed = 0;
  double all = 0;
  for (std::uint32_t layer = 1; layer < trace.shape().grid.layers; ++layer) {
    std::vector<std::vector<double>> counts(experts, std::vector<double>(experts, 0));
    for (std::uint64_t token = 0; token < trace.tokens(); ++token) {
      ++counts[trace.expert(token, LayerId{layer - 1}, 0).index()]
              [trace.expert(token, LayerId{layer}, 0).index()];
    }
    for (const auto& followers : counts) {
      followed += *std::max_element(followers.begin(), followers.end());
      for (const double count : followers) all += count;
    }
  }
  return followed / all;
}

class Synth : public ::testing::Test {
 protected:
  std::uint64_t seed_ = testing::run_seed();
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "PROPHET_SEED=" + std::to_string(seed_)};
};

TEST_F(Synth, TheSameSeedGivesTheSameTraceAndAnotherSeedAnother) {
  SynthOptions options;
  options.sequences = 3;
  options.weights = true;
  options.prefill_tokens = 5;
  options.seed = seed_;
  const RoutingTrace first = synthesise(options);
  EXPECT_TRUE(first == synthesise(options));
  ++options.seed;
  EXPECT_FALSE(std::ranges::equal(first.id_storage(), synthesise(options).id_storage()));
}

TEST_F(Synth, PersistenceRaisesRepeatsAsTheModelSays) {
  double last = -1;
  for (const double persistence : {0.0, 0.2, 0.5, 0.8, 1.0}) {
    SynthOptions options = plain_options(seed_);
    options.persistence = persistence;
    const double measured = repeats(options);
    EXPECT_NEAR(measured, expected_share(options.top_k, options.experts, persistence), 0.02) << persistence;
    EXPECT_GT(measured, last);
    last = measured;
  }
}

TEST_F(Synth, CouplingTiesALayerToTheOneBefore) {
  double last = -1;
  for (const double coupling : {0.1, 0.4, 0.7, 1.0}) {
    SynthOptions options = plain_options(seed_);
    options.top_k = 1;
    options.coupling = coupling;
    const double measured = commonest_follower_share(synthesise(options));
    EXPECT_NEAR(measured, expected_share(1, options.experts, coupling), 0.03) << coupling;
    EXPECT_GT(measured, last);
    last = measured;
  }
}

TEST_F(Synth, ZipfExponentIsThePopularityOfTopOneRouting) {
  double last = 0;
  for (const double exponent : {0.0, 0.5, 1.0, 2.0}) {
    SynthOptions options = plain_options(seed_);
    options.top_k = 1;
    options.sequences = 80;  // sorting observed counts overstates the hottest ones while they are few
    options.zipf_exponent = exponent;
    double hottest_half = 0;
    double all = 0;
    for (std::uint32_t rank = 0; rank < options.experts; ++rank) {
      all += std::pow(rank + 1.0, -exponent);
      if (rank + 1 == options.experts / 2) hottest_half = all;
    }
    const double measured = measure_trace(synthesise(options)).hottest.back().share;
    EXPECT_NEAR(measured, hottest_half / all, 0.025) << exponent;
    EXPECT_GT(measured, last);
    last = measured;
  }
}

TEST_F(Synth, TopicsMakeSequencesDifferAndDriftWearsThemDown) {
  SynthOptions options = plain_options(seed_);
  const double without = repeats(options);
  options.topic_strength = 0.9;
  const double with_topic = repeats(options);
  EXPECT_GT(with_topic, without + 0.1);
  const auto& hottest = measure_trace(synthesise(options)).hottest;
  EXPECT_LT(hottest.front().share, 0.35) << "a topic belongs to a sequence, not to the trace";
}

TEST_F(Synth, LengthsFollowTheirMeanAndTheirBound) {
  SynthOptions options = plain_options(seed_);
  options.layers = 1;
  options.sequences = 4000;
  options.mean_sequence_tokens = 20;
  options.max_sequence_tokens = 400;
  options.prefill_tokens = 3;
  const RoutingTrace trace = synthesise(options);
  EXPECT_NEAR(static_cast<double>(trace.tokens()) / options.sequences, 23, 1.5);
  for (const SequenceInfo& sequence : trace.sequences()) {
    EXPECT_EQ(sequence.prefill_tokens, 3U);
    ASSERT_GE(sequence.tokens, 4U);
    ASSERT_LE(sequence.tokens, 403U);
  }
}

TEST_F(Synth, TheTraceSaysThatItIsSyntheticAndHow) {
  SynthOptions options = plain_options(seed_);
  options.mean_sequence_tokens = 2;
  options.experts = 300;
  options.weights = true;
  const RoutingTrace trace = synthesise(options);
  EXPECT_TRUE(trace.provenance().synthetic);
  EXPECT_THAT(trace.provenance().note, ::testing::HasSubstr("seed=" + std::to_string(seed_)));
  EXPECT_EQ(trace.id_bytes(), 2U);
  const auto weights = trace.weights(0, LayerId{0});
  EXPECT_TRUE(std::is_sorted(weights.begin(), weights.end(), std::greater<>()));
}

TEST_F(Synth, EveryExpertMayBeChosenByEveryToken) {
  SynthOptions options = plain_options(seed_);
  options.mean_sequence_tokens = 3;
  options.experts = options.top_k = 8;
  options.zipf_exponent = 4;
  options.topic_strength = options.topic_fraction = 1;
  EXPECT_NO_THROW((void)synthesise(options));
}

struct BadOption {
  const char* sentence;
  std::function<void(SynthOptions&)> set;
};

TEST(SynthOptions, OutOfBoundsAreRefusedByName) {
  const std::vector<BadOption> bad{
      {"layers is 0, expected 1 to 1024", [](auto& o) { o.layers = 0; }},
      {"experts is 5000, expected 1 to 4096", [](auto& o) { o.experts = 5000; }},
      {"top_k is 33, expected 1 to 32", [](auto& o) { o.top_k = 33; }},
      {"sequences is 0", [](auto& o) { o.sequences = 0; }},
      {"mean_sequence_tokens is 4096, expected 1 to 2048", [](auto& o) { o.mean_sequence_tokens = 4096; }},
      {"max_sequence_tokens is 0", [](auto& o) { o.max_sequence_tokens = 0; }},
      {"prefill_tokens is 2000000", [](auto& o) { o.prefill_tokens = 2000000; }},
      {"zipf_exponent is -1, expected 0 to 4", [](auto& o) { o.zipf_exponent = -1; }},
      {"persistence is 1.5, expected 0 to 1", [](auto& o) { o.persistence = 1.5; }},
      {"coupling is nan", [](auto& o) { o.coupling = NAN; }},
      {"topic_fraction is 2", [](auto& o) { o.topic_fraction = 2; }},
      {"topic_strength is -0.5", [](auto& o) { o.topic_strength = -0.5; }},
      {"topic_drift is inf", [](auto& o) { o.topic_drift = INFINITY; }},
  };
  for (const BadOption& option : bad) {
    SynthOptions options;
    option.set(options);
    try {
      (void)synthesise(options);
      ADD_FAILURE() << "passed, though " << option.sentence;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(option.sentence));
    }
  }
}

}  // namespace
}  // namespace prophet
