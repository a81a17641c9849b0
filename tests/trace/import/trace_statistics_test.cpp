#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "prophet/error.hpp"
#include "runtime/trace/load_trace.hpp"
#include "runtime/trace/trace_statistics.hpp"

namespace prophet {
namespace {

/// Two sequences of two tokens, one layer, top-2 of 4; the second one is flagged repetitive.
RoutingTrace small_trace() {
  TraceShape shape;
  shape.grid = {1, 4};
  shape.top_k = 2;
  std::vector<std::byte> ids;
  for (const int id : {0, 1, 0, 2, 3, 2, 3, 2}) ids.push_back(static_cast<std::byte>(id));
  return RoutingTrace(shape, {}, {{0, 2, 0, 0}, {2, 2, 0, sequence_flags::repetitive}}, std::move(ids), {});
}

TEST(TraceStatistics, CountsByHand) {
  TraceStatisticsOptions options;
  options.skip_flags = 0;
  const TraceStatistics all = measure_trace(small_trace(), options);
  EXPECT_EQ(all.tokens, 4U);
  EXPECT_DOUBLE_EQ(all.repeat_share.value(), 0.75);
  EXPECT_DOUBLE_EQ(all.repeat_by_chance, 0.5);
  EXPECT_DOUBLE_EQ(all.hottest[1].share, 3.0 / 8) << "the hottest of four experts";
  EXPECT_DOUBLE_EQ(all.hottest[2].share, 5.0 / 8);
  EXPECT_DOUBLE_EQ(all.unique_experts[0].measured.value(), 2);
  EXPECT_FALSE(all.unique_experts[1].measured) << "there are no four sequences";
}

TEST(TraceStatistics, RepetitiveSequencesAreSkippedUnlessAskedFor) {
  const TraceStatistics kept = measure_trace(small_trace());
  EXPECT_EQ(kept.sequences, 1U);
  EXPECT_EQ(kept.skipped_sequences, 1U);
  EXPECT_DOUBLE_EQ(kept.repeat_share.value(), 0.5);
}

TEST(TraceStatistics, NothingLeftToMeasureIsRefused) {
  TraceStatisticsOptions options;
  options.skip_flags = sequence_flags::repetitive;
  TraceShape shape;
  shape.grid = {1, 1};
  shape.top_k = 1;
  const RoutingTrace trace(shape, {}, {{0, 1, 0, sequence_flags::repetitive}}, {std::byte{0}}, {});
  EXPECT_THROW((void)measure_trace(trace, options), Error);
}

TEST(TraceStatistics, RecordedTraceReadsBackAsItsProvenanceSays) {
  const auto path = std::filesystem::path(PROPHET_SOURCE_DIR) / "../shared/traces/gpt-oss-20b.decode.mrt.xz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "SKIPPED: " << path << " is not there";
  TraceStatisticsOptions options;
  options.sampled_batches = 500;
  const TraceStatistics statistics = measure_trace(load_trace(path), options);
  EXPECT_NEAR(statistics.repeat_share.value(), 0.44, 0.005);
  const std::vector<double> expected{4, 12, 18, 23, 27, 29};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(statistics.unique_experts[i].measured.value(), expected[i], 0.5)
        << statistics.unique_experts[i].batch;
  }
}

}  // namespace
}  // namespace prophet
