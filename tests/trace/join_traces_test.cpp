#include "runtime/trace/join_traces.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "prophet/error.hpp"
#include "tests/trace/trace_samples.hpp"

namespace prophet::testing {
namespace {

using ::testing::HasSubstr;

RoutingTrace without_weights(const RoutingTrace& trace) {
  return RoutingTrace(trace.shape(), trace.provenance(), {trace.sequences().begin(), trace.sequences().end()},
                      {trace.id_storage().begin(), trace.id_storage().end()}, {});
}

void expect_tokens(const RoutingTrace& joined, std::uint64_t first_token, const RoutingTrace& part) {
  for (std::uint64_t t = 0; t < part.tokens(); ++t) {
    for (std::uint32_t l = 0; l < part.shape().grid.layers; ++l) {
      for (std::uint32_t k = 0; k < part.shape().top_k; ++k) {
        ASSERT_EQ(joined.expert(first_token + t, LayerId{l}, k), part.expert(t, LayerId{l}, k));
        if (!joined.has_weights()) continue;
        ASSERT_EQ(joined.weights(first_token + t, LayerId{l})[k], part.weights(t, LayerId{l})[k]);
      }
    }
  }
}

TEST(JoinTraces, KeepsEveryTokenAndSequenceOfBoth) {
  Random random(announced_seed());
  for (int repetition = 0; repetition < 20; ++repetition) {
    const RoutingTrace first = random_trace(random, 40, SampleWeights::fp32);
    RoutingTrace second = first;
    const bool weights = random.below(2) == 0;
    if (!weights) second = without_weights(first);
    const RoutingTrace joined = join_traces(first, second);
    EXPECT_EQ(joined.shape(), second.shape());
    EXPECT_EQ(joined.provenance(), second.provenance());
    EXPECT_EQ(joined.tokens(), first.tokens() + second.tokens());
    EXPECT_EQ(joined.has_weights(), weights && first.has_weights());
    const std::size_t sequences = first.sequences().size();
    ASSERT_EQ(joined.sequences().size(), 2 * sequences);
    for (std::size_t s = 0; s < sequences; ++s) {
      EXPECT_EQ(joined.sequences()[s], first.sequences()[s]);
      SequenceInfo moved = second.sequences()[s];
      moved.first_token += first.tokens();
      EXPECT_EQ(joined.sequences()[sequences + s], moved);
    }
    ASSERT_NO_FATAL_FAILURE(expect_tokens(joined, 0, first));
    ASSERT_NO_FATAL_FAILURE(expect_tokens(joined, first.tokens(), second));
  }
}

TEST(JoinTraces, StaysSyntheticAndRefusesAnotherShape) {
  const RoutingTrace recorded = small_trace(false);
  TraceProvenance drawn = recorded.provenance();
  drawn.synthetic = true;
  const RoutingTrace synthetic(recorded.shape(), drawn,
                               {recorded.sequences().begin(), recorded.sequences().end()},
                               {recorded.id_storage().begin(), recorded.id_storage().end()}, {});
  EXPECT_TRUE(join_traces(synthetic, recorded).provenance().synthetic);
  EXPECT_TRUE(join_traces(recorded, synthetic).provenance().synthetic);
  EXPECT_FALSE(join_traces(recorded, recorded).provenance().synthetic);
  Random random(announced_seed());
  try {
    (void)join_traces(recorded, random_trace(random, 40, SampleWeights::none));
    ADD_FAILURE() << "8 and 40 experts were joined";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_THAT(error.what(), HasSubstr("expected traces of one model"));
  }
}

}  // namespace
}  // namespace prophet::testing
