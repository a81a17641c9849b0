#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "runtime/trace/check_trace.hpp"
#include "runtime/trace/load_trace.hpp"
#include "runtime/trace/mrt1.hpp"
#include "runtime/trace/trace_reader.hpp"
#include "runtime/trace/trace_writer.hpp"
#include "tests/trace/trace_samples.hpp"

namespace prophet::testing {
namespace {

constexpr int rounds = 40;

/// A number of experts of either id width, the edges included.
std::uint32_t some_experts(Random& random) {
  constexpr std::uint32_t edges[] = {1, 2, 8, 255, 256, 257, 4096};
  return edges[random.below(std::size(edges))];
}

SampleWeights some_weights(Random& random) {
  return static_cast<SampleWeights>(random.below(3));
}

TEST(RoundTrip, AWrittenTraceLoadsEqual) {
  const auto seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  TemporaryFolder folder;
  for (int round = 0; round < rounds; ++round) {
    const auto trace = random_trace(random, some_experts(random), some_weights(random));
    write_trace(folder / "t.ptrace", trace);
    ASSERT_EQ(load_trace(folder / "t.ptrace"), trace);
    ASSERT_EQ(load_trace_from_memory(file_bytes(folder / "t.ptrace"), "memory"), trace);
  }
}

TEST(RoundTrip, Bf16WeightsAreStoredInTwoBytesAndOthersInFour) {
  Random random(announced_seed());
  TemporaryFolder folder;
  write_trace(folder / "b", random_trace(random, 16, SampleWeights::bf16));
  write_trace(folder / "f", random_trace(random, 16, SampleWeights::fp32, 400));
  write_trace(folder / "n", random_trace(random, 16, SampleWeights::none));
  EXPECT_EQ(TraceReader(folder / "b").header().weights, WeightFormat::bf16);
  EXPECT_EQ(TraceReader(folder / "f").header().weights, WeightFormat::fp32);
  EXPECT_EQ(TraceReader(folder / "n").header().weights, WeightFormat::none);
}

TEST(RoundTrip, StreamingByBlocksAndBySequencesGivesWhatLoadingGives) {
  const auto seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  TemporaryFolder folder;
  for (int round = 0; round < rounds; ++round) {
    const auto trace = random_trace(random, some_experts(random), SampleWeights::fp32);
    TraceWriterOptions options;
    options.weights = WeightFormat::fp32;
    options.block_tokens = static_cast<std::uint32_t>(1 + random.below(20));
    TraceWriter writer(folder / "t", trace.shape(), trace.provenance(), options);
    const auto row = ids_per_token(trace.shape());
    for (std::uint64_t at = 0; at < trace.tokens();) {
      const auto take = std::min(1 + random.below(40), trace.tokens() - at);
      writer.append(trace.id_storage().subspan(at * row * trace.id_bytes(), take * row * trace.id_bytes()),
                    trace.weight_storage().subspan(at * row, take * row));
      at += take;
    }
    for (const auto& sequence : trace.sequences()) writer.add_sequence(sequence);
    writer.finish();
    ASSERT_EQ(load_trace(folder / "t"), trace);

    TraceReader reader(folder / "t");
    std::vector<std::byte> ids;
    std::vector<float> weights;
    for (TraceBlock block; reader.next_block(block);) {
      ASSERT_EQ(block.first_token * row * trace.id_bytes(), ids.size());
      ids.insert(ids.end(), block.ids.begin(), block.ids.end());
      weights.insert(weights.end(), block.weights.begin(), block.weights.end());
    }
    ASSERT_TRUE(std::equal(ids.begin(), ids.end(), trace.id_storage().begin(), trace.id_storage().end()));
    ASSERT_TRUE(std::equal(weights.begin(), weights.end(), trace.weight_storage().begin(),
                           trace.weight_storage().end()));
    std::size_t seen = 0;
    for (SequenceRows rows; reader.next_sequence(rows); ++seen) {
      ASSERT_EQ(rows.info, trace.sequences()[seen]);
      const auto expected = trace.id_storage().subspan(rows.info.first_token * row * trace.id_bytes(),
                                                       rows.info.tokens * row * trace.id_bytes());
      ASSERT_TRUE(std::equal(rows.ids.begin(), rows.ids.end(), expected.begin(), expected.end()));
      ASSERT_EQ(rows.weights.size(), rows.info.tokens * row);
    }
    ASSERT_EQ(seen, trace.sequences().size());
  }
}

TEST(RoundTrip, Mrt1PlainAndPackedLoadEqualButForTheOrigin) {
  const auto seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  TemporaryFolder folder;
  for (int round = 0; round < rounds / 4; ++round) {
    const auto drawn = random_trace(random, static_cast<std::uint32_t>(1 + random.below(256)),
                                    random.chance(0.5) ? SampleWeights::bf16 : SampleWeights::none);
    for (const auto* name : {"t.mrt", "t.mrt.xz"}) {
      const RoutingTrace trace(drawn.shape(), {"unknown", name, "unknown", "", false},
                               {drawn.sequences().begin(), drawn.sequences().end()},
                               {drawn.id_storage().begin(), drawn.id_storage().end()},
                               {drawn.weight_storage().begin(), drawn.weight_storage().end()});
      export_mrt1(trace, folder / name);
      ASSERT_EQ(load_trace(folder / name), trace);
    }
  }
}

TEST(RoundTrip, Mrt1IsReadAsItsLayoutSays) {
  const auto trace = load_trace_from_memory(small_mrt1(true), "small.mrt");
  const auto expected = small_trace(true);
  EXPECT_EQ(trace.shape(), expected.shape());
  EXPECT_TRUE(std::equal(trace.sequences().begin(), trace.sequences().end(), expected.sequences().begin(),
                         expected.sequences().end()));
  EXPECT_EQ(trace.expert(5, LayerId{1}, 1), ExpertId{(11 + 3) % 8});
  EXPECT_EQ(trace.weights(5, LayerId{1})[1], 0.5F);
}

TEST(RoundTrip, TheSyntheticMarkSurvivesAndIsNotDropped) {
  TemporaryFolder folder;
  auto provenance = small_trace().provenance();
  provenance.synthetic = true;
  const auto plain = small_trace(false);
  const RoutingTrace trace(plain.shape(), provenance, {plain.sequences().begin(), plain.sequences().end()},
                           {plain.id_storage().begin(), plain.id_storage().end()}, {});
  write_trace(folder / "s.ptrace", trace);
  EXPECT_TRUE(load_trace(folder / "s.ptrace").provenance().synthetic);
  EXPECT_THROW(export_mrt1(trace, folder / "s.mrt"), Error);
  EXPECT_EQ(folder.entries(), 1U);
}

}  // namespace
}  // namespace prophet::testing
