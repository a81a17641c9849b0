#include "runtime/engine/batch_schedule.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/engine/layer_requests.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ExpertGrid grid{2, 8};
constexpr std::uint32_t top_k = 2;

struct Length {
  std::uint32_t tokens = 0;
  std::uint32_t prefill = 0;
  std::uint32_t flags = 0;
};

RoutingTrace trace_of(const std::vector<Length>& lengths, std::uint64_t seed = 1) {
  Random random(seed);
  std::vector<SequenceInfo> sequences;
  std::uint64_t rows = 0;
  for (const Length& length : lengths) {
    sequences.push_back({rows, length.tokens, length.prefill, length.flags});
    rows += length.tokens;
  }
  std::vector<std::byte> ids;
  for (std::uint64_t i = 0; i < rows * grid.layers; ++i) {
    const auto first = random.below(grid.experts);
    ids.push_back(static_cast<std::byte>(first));
    ids.push_back(static_cast<std::byte>((first + 1 + random.below(grid.experts - 1)) % grid.experts));
  }
  return RoutingTrace({grid, top_k, 0, 1}, {}, sequences, ids, {});
}

std::vector<SequenceId> all_of(const RoutingTrace& trace) {
  return split_sequences(trace, 0, 0, 0).test;
}

/// What a step runs.
struct Step {
  StepKind kind;
  std::vector<std::uint64_t> rows;
  friend bool operator==(const Step&, const Step&) = default;
};

std::vector<Step> steps_of(const RoutingTrace& trace, const ScheduleOptions& options) {
  const std::vector<SequenceId> sequences = all_of(trace);
  BatchSchedule schedule(trace, sequences, options);
  std::vector<Step> steps;
  while (schedule.next()) {
    Step step{schedule.kind(), {}};
    for (const StepToken& token : schedule.tokens()) step.rows.push_back(token.row);
    EXPECT_LE(step.rows.size(), schedule.tokens_max());
    steps.push_back(step);
  }
  EXPECT_FALSE(schedule.next()) << "it ends for good";
  return steps;
}

ErrorCode refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::check_failed;
}

TEST(BatchSchedule, RefillsALaneWhoseSequenceEndsAndEndsWhenThereIsNone) {
  // Sequences at rows 0-2, 3, 4-5 and 6-9 in two lanes: the second lane finds no fifth sequence.
  const auto steps = steps_of(trace_of({{3}, {1}, {2}, {4}}), {2, 0, 8});
  constexpr auto decode = StepKind::decode;
  EXPECT_THAT(steps, ElementsAre(Step{decode, {0, 3}}, Step{decode, {1, 4}}, Step{decode, {2, 5}}));
}

TEST(BatchSchedule, RunsPromptsAsPassesOfTheirLaneAloneBeforeItJoins) {
  // Rows 0-6 with 5 prompt tokens, rows 7-8 with 1, in passes of at most 2.
  const auto steps = steps_of(trace_of({{7, 5}, {2, 1}}), {2, 0, 2});
  constexpr auto decode = StepKind::decode;
  constexpr auto prefill = StepKind::prefill;
  EXPECT_THAT(steps, ElementsAre(Step{prefill, {0, 1}}, Step{prefill, {2, 3}}, Step{prefill, {4}},
                                 Step{prefill, {7}}, Step{decode, {5, 8}}));
}

TEST(BatchSchedule, RunsASequenceThatIsAllPromptAndGoesOn) {
  const auto steps = steps_of(trace_of({{3, 3}, {2}}), {1, 0, 8});
  EXPECT_THAT(steps, ElementsAre(Step{StepKind::prefill, {0, 1, 2}}, Step{StepKind::decode, {3}},
                                 Step{StepKind::decode, {4}}));
}

TEST(BatchSchedule, StopsAfterTheAskedDecodeSteps) {
  EXPECT_EQ(steps_of(trace_of({{10}}), {1, 4, 8}).size(), 4U);
  EXPECT_EQ(steps_of(trace_of({{10, 5}}), {1, 4, 2}).size(), 3U + 4U);
}

TEST(BatchSchedule, APassLongerThanEveryPromptIsOnePass) {
  EXPECT_EQ(steps_of(trace_of({{9, 6}}), {1, 0, ~std::uint32_t{0}}).size(), 1U + 3U);
  EXPECT_EQ(steps_of(trace_of({{600, 590}}), {1, 0, ~std::uint32_t{0} - 5}).size(), 1U + 10U);
}

TEST(BatchSchedule, RefusesWhatCannotBeRun) {
  const RoutingTrace trace = trace_of({{3}, {2}});
  const std::vector<SequenceId> sequences = all_of(trace);
  for (const ScheduleOptions& options : {ScheduleOptions{0, 0, 8}, ScheduleOptions{3, 0, 8},
                                         ScheduleOptions{1025, 0, 8}, ScheduleOptions{1, 0, 0}}) {
    EXPECT_EQ(refusal([&] { BatchSchedule(trace, sequences, options); }), ErrorCode::usage);
  }
}

TEST(BatchSchedule, OfAnyTraceKeepsEveryLaneInOrderAndEveryStepFull) {
  Random random(testing_support::fresh_seed());
  for (int round = 0; round < 200; ++round) {
    std::vector<Length> lengths(1 + random.below(12));
    for (Length& length : lengths) {
      length.tokens = static_cast<std::uint32_t>(1 + random.below(9));
      length.prefill = random.chance(0.5) ? 0 : static_cast<std::uint32_t>(random.below(length.tokens + 1));
    }
    const RoutingTrace trace = trace_of(lengths);
    const auto lanes = static_cast<std::uint32_t>(1 + random.below(lengths.size()));
    const std::vector<SequenceId> sequences = all_of(trace);
    BatchSchedule schedule(trace, sequences, {lanes, 0, static_cast<std::uint32_t>(1 + random.below(5))});
    std::map<LaneId, std::uint64_t> last_row;
    std::set<std::uint64_t> seen;
    while (schedule.next()) {
      const bool is_decode = schedule.kind() == StepKind::decode;
      if (is_decode) {
        ASSERT_EQ(schedule.tokens().size(), lanes);
      }
      for (const StepToken& token : schedule.tokens()) {
        ASSERT_TRUE(seen.insert(token.row).second) << "a token runs once";
        const auto sequence =
            std::find_if(trace.sequences().begin(), trace.sequences().end(), [&](const SequenceInfo& info) {
              return token.row >= info.first_token && token.row < info.first_token + info.tokens;
            });
        const std::uint64_t position = token.row - sequence->first_token;
        ASSERT_EQ(token.starts_sequence, position == 0);
        ASSERT_EQ(is_decode, position >= sequence->prefill_tokens);
        if (position > 0) {
          ASSERT_EQ(last_row[token.lane] + 1, token.row);
        }
        last_row[token.lane] = token.row;
      }
    }
  }
}

TEST(SequenceSplit, LeavesOutFlaggedSequencesAndSaysHowMany) {
  const RoutingTrace trace =
      trace_of({{3}, {2, 0, sequence_flags::repetitive}, {2, 0, sequence_flags::finished}, {1}});
  const SequenceSplit split = split_sequences(trace, sequence_flags::repetitive, 0, 0);
  EXPECT_THAT(split.test, ElementsAre(SequenceId{0}, SequenceId{2}, SequenceId{3}));
  EXPECT_THAT(split.train, IsEmpty());
  EXPECT_EQ(split.skipped, 1U);
}

TEST(SequenceSplit, NeverMixesTrainingAndTestAndDependsOnItsSeedAlone) {
  const RoutingTrace trace = trace_of(std::vector<Length>(40, Length{2}));
  std::set<std::vector<SequenceId>> drawn;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const SequenceSplit split = split_sequences(trace, 0, 0.3, seed);
    EXPECT_EQ(split.train.size(), 12U);
    EXPECT_EQ(split.test.size(), 28U);
    EXPECT_TRUE(std::is_sorted(split.test.begin(), split.test.end()));
    std::set<SequenceId> both(split.train.begin(), split.train.end());
    both.insert(split.test.begin(), split.test.end());
    EXPECT_EQ(both.size(), 40U);
    EXPECT_EQ(split_sequences(trace, 0, 0.3, seed).train, split.train);
    drawn.insert(split.train);
  }
  EXPECT_GT(drawn.size(), 15U);
}

TEST(SequenceSplit, RefusesBatchedStepsAndAnEmptyTest) {
  const RoutingTrace batched = trace_of({{3}, {2, 0, sequence_flags::batched_step}});
  EXPECT_EQ(refusal([&] { (void)split_sequences(batched, 0, 0, 0); }), ErrorCode::bad_input);
  EXPECT_EQ(split_sequences(batched, sequence_flags::batched_step, 0, 0).skipped, 1U);
  const RoutingTrace trace = trace_of({{3}});
  EXPECT_EQ(refusal([&] { (void)split_sequences(trace, 0, 0.9, 0); }), ErrorCode::bad_input);
  for (const double fraction : {-0.1, 1.0, 2.0, std::nan("")}) {
    EXPECT_EQ(refusal([&] { (void)split_sequences(trace, 0, fraction, 0); }), ErrorCode::usage);
  }
}

TEST(LayerRequests, NameEachExpertOnceWithTheTokensThatChoseIt) {
  const RoutingTrace trace = trace_of({{64}}, testing_support::fresh_seed());
  LayerRequests requests(grid, top_k, 16);
  for (std::uint32_t size = 1; size <= 16; ++size) {
    std::vector<StepToken> tokens;
    for (std::uint32_t t = 0; t < size; ++t) tokens.push_back({LaneId{t}, 3 * t + size, false});
    for (std::uint32_t l = 0; l < grid.layers; ++l) {
      read_choices(trace, LayerId{l}, tokens, requests.choices(size));
      requests.gather(LayerId{l}, size);
      const auto wanted = requests.wanted();
      EXPECT_TRUE(std::is_sorted(wanted.begin(), wanted.end()));
      std::size_t rows = 0;
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(requests.first_output(i), rows);
        rows += requests.rows(i).size();
      }
      EXPECT_EQ(rows, size * top_k);
      for (std::uint32_t t = 0; t < size; ++t) {
        for (std::uint32_t r = 0; r < top_k; ++r) {
          const ExpertId chosen = trace.expert(tokens[t].row, LayerId{l}, r);
          EXPECT_EQ(requests.chosen(t)[r], chosen);
          const auto at = static_cast<std::size_t>(
              std::lower_bound(wanted.begin(), wanted.end(), grid.index(LayerId{l}, chosen)) -
              wanted.begin());
          const std::uint32_t slot = requests.slots()[t * top_k + r];
          ASSERT_LT(slot - requests.first_output(at), requests.rows(at).size());
          EXPECT_EQ(requests.rows(at)[slot - requests.first_output(at)], t);
        }
      }
    }
  }
}

TEST(Popularity, CountsEveryChoiceOfTheGivenSequences) {
  const RoutingTrace trace = trace_of({{5}, {7}, {3}});
  const std::vector<SequenceId> some{SequenceId{0}, SequenceId{2}};
  const auto counts = count_popularity(trace, some);
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  EXPECT_EQ(sum, (5U + 3U) * grid.layers * top_k);
  EXPECT_EQ(counts.size(), grid.size());
}

}  // namespace
}  // namespace prophet
