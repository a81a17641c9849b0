#include "runtime/engine/serve/routing_rows.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "runtime/engine/serve/token_names.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet::engine_test {
namespace {

RoutingTrace trace() {
  SynthOptions synth;
  synth.layers = 1;
  synth.experts = 4;
  synth.top_k = 1;
  synth.sequences = 7;
  synth.mean_sequence_tokens = 5;
  synth.max_sequence_tokens = 20;
  return synthesise(synth);
}

TEST(RoutingRows, ARequestGoesOnWithTheNextSequenceWhereOneEnds) {
  const RoutingTrace recorded = trace();
  const std::vector<SequenceId> sequences{SequenceId{2}, SequenceId{5}};
  const RoutingRows rows(recorded, sequences);
  const SequenceInfo& first = recorded.sequences()[2];
  const SequenceInfo& second = recorded.sequences()[5];
  ASSERT_EQ(rows.size(), first.tokens + second.tokens);
  for (std::uint32_t p = 0; p < first.tokens; ++p)
    EXPECT_EQ(rows.row(RequestId{0}, p), first.first_token + p);
  for (std::uint32_t p = 0; p < second.tokens; ++p)
    EXPECT_EQ(rows.row(RequestId{0}, first.tokens + p), second.first_token + p);
  // And round again.
  EXPECT_EQ(rows.row(RequestId{0}, static_cast<std::uint32_t>(rows.size())), first.first_token);
}

TEST(RoutingRows, EverySequenceHasItsTurnBeforeOneComesAgain) {
  const RoutingTrace recorded = trace();
  std::vector<SequenceId> sequences;
  for (std::uint32_t s = 0; s < 7; ++s) sequences.push_back(SequenceId{s});
  const RoutingRows rows(recorded, sequences);
  std::set<std::uint64_t> starts;
  for (std::uint32_t r = 0; r < 7; ++r) starts.insert(rows.row(RequestId{r}, 0));
  EXPECT_EQ(starts.size(), 7U);
}

TEST(TokenNames, AreEqualWhereBlocksAreAndNowhereElse) {
  std::vector<RequestRecord> requests(3);
  requests[0].prompt_tokens = requests[1].prompt_tokens = requests[2].prompt_tokens = 600;
  requests[0].prefix_blocks = {7, 8};
  requests[1].prefix_blocks = {7, 9};
  TokenNames names(requests);
  const auto of = [&](std::uint32_t request) {
    const auto span = names.names(RequestId{request}, 0, 700);
    return std::vector<std::uint32_t>(span.begin(), span.end());
  };
  const auto a = of(0);
  const auto b = of(1);
  const auto c = of(2);
  for (std::size_t t = 0; t < 512; ++t) ASSERT_EQ(a[t], b[t]);
  std::size_t equal = 0;
  for (std::size_t t = 512; t < 700; ++t) equal += a[t] == b[t] ? 1U : 0U;
  for (std::size_t t = 0; t < 700; ++t) equal += a[t] == c[t] ? 1U : 0U;
  EXPECT_LE(equal, 1U);
  // A piece has the names that the whole has.
  const auto piece = names.names(RequestId{0}, 510, 4);
  for (std::size_t t = 0; t < 4; ++t) EXPECT_EQ(piece[t], a[510 + t]);
}

}  // namespace
}  // namespace prophet::engine_test
