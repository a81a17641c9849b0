// Counting over traces whose routing is known, and the coverage of the interval.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "bench/dedup/fit_dedup.hpp"
#include "bench/dedup/unique_experts.hpp"
#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet {
namespace {

std::vector<SequenceId> ids(std::uint32_t from, std::uint32_t to) {
  std::vector<SequenceId> list;
  for (std::uint32_t s = from; s < to; ++s) list.push_back(SequenceId{s});
  return list;
}

SynthOptions uniform_routing(std::uint64_t seed) {
  SynthOptions options;
  options.layers = 3;
  options.experts = 32;
  options.top_k = 4;
  options.sequences = 60;
  options.mean_sequence_tokens = 40;
  options.zipf_exponent = options.persistence = options.coupling = options.topic_strength = 0;
  options.seed = seed;
  return options;
}

DedupOptions few_batches() {
  DedupOptions options;
  options.batches = {1, 2, 4, 8, 16};
  options.resamples = 200;
  return options;
}

/// Sequences of one layer; each token chooses the listed experts.
RoutingTrace trace_of(std::uint32_t experts, const std::vector<std::vector<std::vector<int>>>& sequences,
                      std::uint32_t prefill = 0) {
  TraceShape shape{{1, experts}, static_cast<std::uint32_t>(sequences[0][0].size()), 0, 1};
  std::vector<SequenceInfo> infos;
  std::vector<std::byte> chosen;
  std::uint64_t row = 0;
  for (const auto& tokens : sequences) {
    infos.push_back({row, static_cast<std::uint32_t>(tokens.size()), prefill, 0});
    row += tokens.size();
    for (const auto& token : tokens)
      for (const int expert : token) chosen.push_back(static_cast<std::byte>(expert));
  }
  return {shape, {}, infos, chosen, {}};
}

TEST(Dedup, BatchesOfDifferentSequencesAreTheMeanOverAllSets) {
  // By hand: A chooses 0, B chooses 0 or 1, C chooses 2. Pairs: AB 1.5, AC 2, BC 2; all three 2.5.
  const RoutingTrace trace = trace_of(4, {{{0}}, {{0}, {1}}, {{2}}});
  const auto sequences = with_decode_tokens(trace, ids(0, 3), 1);
  const std::vector<std::uint32_t> batches{1, 2, 3};
  const auto table =
      unique_of_different_sequences(expert_shares(trace, sequences), trace.shape().grid, batches);
  EXPECT_NEAR(table.at(0, 0), 1, 1e-12);
  EXPECT_NEAR(table.at(0, 1), 5.5 / 3, 1e-12);
  EXPECT_NEAR(table.at(0, 2), 2.5, 1e-12);
}

TEST(Dedup, TheExactMeanIsWhatDrawnBatchesComeTo) {
  SynthOptions synth;
  synth.layers = 2;
  synth.sequences = 30;
  synth.mean_sequence_tokens = 50;
  const RoutingTrace trace = synthesise(synth);
  const auto all = with_decode_tokens(trace, ids(0, 30), 1);
  const std::vector<std::uint32_t> batches{8};
  const auto exact = unique_of_different_sequences(expert_shares(trace, all), trace.shape().grid, batches);
  const std::uint64_t seed = 7;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Random random(seed);
  double drawn = 0;
  const int draws = 20000;
  std::vector<SequenceInfo> order = all;
  for (int draw = 0; draw < draws; ++draw) {
    std::vector<bool> seen(32);
    for (std::size_t lane = 0; lane < 8; ++lane) {
      std::swap(order[lane], order[lane + random.below(order.size() - lane)]);
      const std::uint64_t row = order[lane].first_token + random.below(order[lane].tokens);
      for (std::uint32_t rank = 0; rank < 4; ++rank) seen[trace.expert(row, LayerId{1}, rank).index()] = true;
    }
    drawn += static_cast<double>(std::count(seen.begin(), seen.end(), true)) / draws;
  }
  EXPECT_NEAR(exact.at(1, 0), drawn, 0.08);  // four standard errors of some 2.5 / sqrt(20000)
}

TEST(Dedup, BatchesOfOneSequenceAreItsWindows) {
  // The prompt's token does not count. Windows of 2: {0,1} 2, {1,1} 1, {1,2} 2; of the other sequence 1.
  const RoutingTrace trace = trace_of(4, {{{3}, {0}, {1}, {1}, {2}}, {{3}, {2}, {2}}}, 1);
  const auto sequences = with_decode_tokens(trace, ids(0, 2), 2);
  const std::vector<std::uint32_t> batches{1, 2};
  const auto rows = window_uniques(trace, sequences, batches);
  EXPECT_NEAR(rows.row(0)[0], 1, 1e-12);
  EXPECT_NEAR(rows.row(0)[1], 5.0 / 3, 1e-12);
  EXPECT_NEAR(rows.row(1)[1], 1, 1e-12);
}

TEST(Dedup, UniformRoutingIsTheUniformExpectationWithinItsInterval) {
  const RoutingTrace trace = synthesise(uniform_routing(3));
  for (const BatchOf batch_of : {BatchOf::different_sequences, BatchOf::one_sequence}) {
    DedupOptions options = few_batches();
    options.batch_of = batch_of;
    options.batches.pop_back();
    const DedupReport report = fit_dedup(trace, ids(0, 40), ids(40, 60), options);
    EXPECT_TRUE(report.all.exponent.contains(report.all.uniform_law.exponent))
        << report.all.exponent.low << " to " << report.all.exponent.high << ", uniform "
        << report.all.uniform_law.exponent;
    for (std::size_t b = 0; b < options.batches.size(); ++b)
      EXPECT_NEAR(report.all.measured[b].unique / report.all.uniform[b].unique, 1, 0.02);
  }
}

TEST(Dedup, ABuiltPowerLawGivesItsExponentBack) {
  std::vector<std::vector<std::vector<int>>> same;
  std::vector<std::vector<std::vector<int>>> different;
  for (int s = 0; s < 4; ++s) {
    same.push_back({{s}, {s}, {s}, {s}});
    different.push_back({{0}, {1}, {2}, {3}});
  }
  DedupOptions options = few_batches();
  options.batches = {1, 2, 4};
  options.batch_of = BatchOf::one_sequence;
  EXPECT_NEAR(fit_dedup(trace_of(64, same), ids(0, 3), ids(3, 4), options).all.law.exponent, 0, 1e-12);
  EXPECT_NEAR(fit_dedup(trace_of(64, different), ids(0, 3), ids(3, 4), options).all.law.exponent, 1, 1e-12);
  // Two experts in every window of four: 4^0.5.
  const std::vector<std::vector<std::vector<int>>> halves(4, {{0}, {0}, {1}, {1}});
  options.batches = {1, 4};
  EXPECT_NEAR(fit_dedup(trace_of(64, halves), ids(0, 3), ids(3, 4), options).all.law.exponent, 0.5, 1e-12);
  // Every sequence an expert of its own: a batch of B has B.
  options.batch_of = BatchOf::different_sequences;
  EXPECT_NEAR(fit_dedup(trace_of(64, same), ids(0, 4), ids(0, 1), options).all.free_law.exponent, 1, 1e-12);
}

TEST(Dedup, TheIntervalHoldsTheTruthInAboutNineteenOfTwentyTraces) {
  // Topics make sequences differ; popularity is skewed. The truth is that of one large trace of the same law.
  SynthOptions synth;
  synth.layers = 1;
  synth.experts = 16;
  synth.top_k = 2;
  synth.mean_sequence_tokens = 12;
  synth.max_sequence_tokens = 64;
  synth.topic_strength = 0.8;
  synth.sequences = 20000;
  const std::uint64_t seed = 11;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  synth.seed = seed;
  const RoutingTrace large = synthesise(synth);
  for (const BatchOf batch_of : {BatchOf::different_sequences, BatchOf::one_sequence}) {
    DedupOptions options = few_batches();
    options.batches = {1, 2, 4};
    options.batch_of = batch_of;
    options.saturation = 1;
    options.resamples = 2;
    const double truth = fit_dedup(large, ids(0, 20000), ids(0, 1), options).all.law.exponent;
    options.resamples = 200;
    const std::uint32_t each = 60;
    int covered = 0;
    const int traces = 300;
    for (int t = 0; t < traces; ++t) {
      const auto from = static_cast<std::uint32_t>(t) * each;
      const DedupReport report = fit_dedup(large, ids(from, from + each), ids(0, 1), options);
      covered += report.all.exponent.contains(truth) ? 1 : 0;
    }
    // 95 % of 300 is 285, with a standard deviation of 3.8; a bootstrap of 60 sequences may miss a few more.
    EXPECT_GE(covered, 268);
    EXPECT_LE(covered, 298);
  }
}

TEST(Dedup, EqualSeedsGiveEqualIntervals) {
  const RoutingTrace trace = synthesise(uniform_routing(5));
  DedupOptions options = few_batches();
  const auto fit = [&] { return fit_dedup(trace, ids(0, 40), ids(40, 60), options).all.exponent; };
  const Interval once = fit();
  const Interval again = fit();
  EXPECT_EQ(once.low, again.low);
  EXPECT_EQ(once.high, again.high);
  options.seed = 2;
  EXPECT_NE(fit().low, once.low);
}

TEST(Dedup, ThePopularityIsOfTheOtherSequences) {
  // Tested sequences choose expert 0 always; those learned from choose 1 and 2 in turn.
  const RoutingTrace trace = trace_of(4, {{{0}, {0}}, {{0}, {0}}, {{1}, {2}}});
  DedupOptions options = few_batches();
  options.batches = {1, 2};
  const DedupReport report = fit_dedup(trace, ids(0, 2), ids(2, 3), options);
  EXPECT_NEAR(report.all.measured[1].unique, 1, 1e-12);
  EXPECT_NEAR(report.all.popularity[1].unique, 1.5, 1e-12);
}

ErrorCode refusal(const RoutingTrace& trace, std::uint32_t test, std::uint32_t train,
                  const DedupOptions& options, const std::string& part) {
  try {
    static_cast<void>(fit_dedup(trace, ids(0, test), ids(test, test + train), options));
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("expected"), std::string::npos) << error.what();
    return error.code();
  }
  ADD_FAILURE() << "expected a refusal about " << part;
  return ErrorCode::check_failed;
}

TEST(Dedup, WhatCannotBeMeasuredIsRefusedInOneSentence) {
  const RoutingTrace trace = synthesise(uniform_routing(1));
  DedupOptions options = few_batches();
  EXPECT_EQ(refusal(trace, 15, 10, options, "--batch 16"), ErrorCode::usage);
  EXPECT_EQ(refusal(trace, 40, 0, options, "popularity"), ErrorCode::usage);
  options.saturation = 0.1;
  EXPECT_EQ(refusal(trace, 40, 10, options, "--saturation"), ErrorCode::usage);
  options = few_batches();
  options.batch_of = BatchOf::one_sequence;
  options.batches = {1, 1024};
  EXPECT_EQ(refusal(trace, 40, 10, options, "--batch 1024"), ErrorCode::usage);
  options.batches = {1, 2};
  EXPECT_EQ(refusal(trace, 1, 10, options, "two or more"), ErrorCode::bad_input);
  const RoutingTrace prompts = trace_of(4, {{{0}, {1}}, {{0}, {1}}}, 2);
  EXPECT_EQ(refusal(prompts, 1, 1, options, "decode token"), ErrorCode::bad_input);
}

}  // namespace
}  // namespace prophet
