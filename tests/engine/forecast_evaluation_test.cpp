#include "runtime/engine/forecast_evaluation.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "predictor/make_predictor.hpp"
#include "prophet/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/cache/lru.hpp"
#include "runtime/trace/synth.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet::engine_test {
namespace {

constexpr std::uint32_t layers = 5;
constexpr std::uint32_t experts = 12;
constexpr std::uint32_t top_k = 3;
constexpr ExpertGrid grid{layers, experts};
const std::vector<std::uint32_t> coverages{1, 4};

RoutingTrace draw(std::uint64_t seed, std::uint32_t prefill_tokens) {
  SynthOptions synth;
  synth.layers = layers;
  synth.experts = experts;
  synth.top_k = top_k;
  synth.sequences = 9;
  synth.mean_sequence_tokens = 20;
  synth.max_sequence_tokens = 40;
  synth.prefill_tokens = prefill_tokens;
  synth.seed = seed;
  return synthesise(synth);
}

std::vector<SequenceId> all_of(const RoutingTrace& trace) {
  std::vector<SequenceId> all;
  for (std::uint32_t s = 0; s < trace.sequences().size(); ++s) all.push_back(SequenceId{s});
  return all;
}

/// Says something else at each question, a hash of its number; sometimes nothing. Keeps the answers.
class Babbler final : public Predictor {
 public:
  struct Said {
    LayerId made_at;
    LayerId target;
    std::vector<float> probability;  ///< empty: nothing
    std::uint64_t layers_seen = 0;
  };
  explicit Babbler(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "babbler"; }
  void start_lane(LaneId) override {}
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId>) override {
    if (std::exchange(last_, std::pair{lane.value, layer.value}).second != layer.value) ++layers_seen_;
  }
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override {
    said.push_back({made_at, target, {}, layers_seen_});
    if (random_.chance(0.2)) return false;
    for (float& p : probability) p = static_cast<float>(random_.below(9)) / 8.0F;
    said.back().probability.assign(probability.begin(), probability.end());
    return true;
  }

  std::vector<Said> said;

 private:
  Random random_;
  std::pair<std::uint32_t, std::uint32_t> last_{~0U, ~0U};
  std::uint64_t layers_seen_ = 0;
};

/// One layer of one pass of the schedule.
struct LayerRun {
  StepKind kind = StepKind::decode;
  LayerId layer;
  std::set<std::uint32_t> wanted;
};

std::vector<LayerRun> runs_of(const RoutingTrace& trace, BatchSchedule schedule) {
  std::vector<LayerRun> runs;
  while (schedule.next()) {
    for (std::uint32_t l = 0; l < layers; ++l) {
      LayerRun run{schedule.kind(), LayerId{l}, {}};
      for (const StepToken& token : schedule.tokens()) {
        for (std::uint32_t r = 0; r < top_k; ++r)
          run.wanted.insert(trace.expert(token.row, LayerId{l}, r).value);
      }
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

class ForecastEvaluations : public ::testing::Test {
 protected:
  const std::uint64_t seed = testing_support::fresh_seed();
  void SetUp() override { RecordProperty("seed", std::to_string(seed)); }
};

// With a slab for every expert and no prompts, what is resident is what any layer run so far has wanted.
TEST_F(ForecastEvaluations, CountEveryForecastAgainstTheLayerItWasFor) {
  SCOPED_TRACE(seed);
  const RoutingTrace trace = draw(seed, 0);
  const std::vector<SequenceId> sequences = all_of(trace);
  const BatchSchedule schedule(trace, sequences, {3, 0, 4});
  EvaluationPlan plan;
  plan.ahead = {1, 3};
  plan.coverages = coverages;
  ResidentExperts resident(grid, {grid.size(), 0}, std::make_unique<LruPolicy>(grid));
  Babbler babbler(seed);
  std::vector<Predictor*> panel{&babbler};
  ForecastEvaluation evaluation(plan, top_k, schedule.tokens_max(), panel, resident);
  evaluate_trace(trace, schedule, nullptr, evaluation, {});

  const std::vector<LayerRun> runs = runs_of(trace, schedule);
  std::map<std::pair<std::size_t, std::uint32_t>, ForecastTally>
      expected;  // by number of layers ahead, target
  for (const std::size_t a : {0U, 1U}) {
    for (std::uint32_t l = 0; l < layers; ++l) expected.emplace(std::pair{a, l}, ForecastTally(coverages));
  }
  std::set<std::uint32_t> seen;
  std::size_t question = 0;
  for (std::size_t n = 0; n < runs.size(); ++n) {
    for (const std::uint32_t e : runs[n].wanted) seen.insert(grid.index(runs[n].layer, ExpertId{e}).value);
    for (std::size_t a = 0; a < plan.ahead.size(); ++a, ++question) {
      const Babbler::Said& said = babbler.said.at(question);
      ASSERT_EQ(said.made_at, runs[n].layer);
      const std::size_t at = n + plan.ahead[a];
      ASSERT_EQ(said.target.value, (runs[n].layer.value + plan.ahead[a]) % layers);
      if (said.probability.empty() || at >= runs.size()) continue;
      std::vector<NamedExpert> named;
      std::vector<std::uint8_t> is_wanted(experts, 0);
      for (std::uint32_t e = 0; e < experts; ++e) {
        named.push_back(
            {ExpertId{e}, said.probability[e], seen.count(grid.index(said.target, ExpertId{e}).value) != 0});
        is_wanted[e] = runs[at].wanted.count(e) != 0 ? 1 : 0;
      }
      expected.at({a, said.target.value}).add(named, is_wanted, runs[at].wanted.size());
    }
  }
  EXPECT_EQ(question, babbler.said.size());
  for (const auto& [key, tally] : expected) {
    const ForecastTally& got = evaluation.tally(0, key.first, LayerId{key.second});
    EXPECT_EQ(got.forecasts(), tally.forecasts());
    EXPECT_EQ(got.recall_at_k(), tally.recall_at_k());
    EXPECT_EQ(got.brier(), tally.brier());
    EXPECT_EQ(got.wanted_absent(), tally.wanted_absent());
    for (std::size_t c = 0; c < coverages.size(); ++c) {
      EXPECT_EQ(got.recall(c), tally.recall(c));
      EXPECT_EQ(got.absent_precision(c), tally.absent_precision(c)) << "coverage " << coverages[c];
    }
  }
}

TEST_F(ForecastEvaluations, OfAnOracleReadExactlyOneAcrossPromptsAndInBatches) {
  SCOPED_TRACE(seed);
  const RoutingTrace trace = draw(seed, 7);
  const std::vector<SequenceId> sequences = all_of(trace);
  for (const std::uint32_t lanes : {1U, 3U}) {
    const BatchSchedule schedule(trace, sequences, {lanes, 0, 4});
    const RequestGroups future = collect_requests(trace, schedule);
    PredictorOptions options;
    options.grid = grid;
    options.top_k = top_k;
    options.lanes = lanes;
    options.future = {future.offsets, future.experts};
    const auto oracle = make_predictor("oracle", options);
    std::vector<Predictor*> panel{oracle.get()};
    EvaluationPlan plan;
    plan.ahead = {1, 2, layers};
    ResidentExperts resident(grid, {10, top_k}, std::make_unique<LruPolicy>(grid));
    ForecastEvaluation evaluation(plan, top_k, schedule.tokens_max(), panel, resident);
    evaluate_trace(trace, schedule, nullptr, evaluation, {});
    for (std::size_t a = 0; a < plan.ahead.size(); ++a) {
      for (std::uint32_t l = 0; l < layers; ++l) {
        const ForecastTally& tally = evaluation.tally(0, a, LayerId{l});
        EXPECT_EQ(tally.recall_at_k(), 1.0) << plan.ahead[a] << " ahead, layer " << l;
        EXPECT_EQ(tally.brier(), 0.0);
      }
    }
    EXPECT_EQ(evaluation.within_step(0, 2).recall_at_k(), std::nullopt) << "a whole step ahead is none of it";
    EXPECT_EQ(evaluation.into_next_step(0, 2).recall_at_k(), 1.0);
  }
}

TEST_F(ForecastEvaluations, OfWhatIsNeverSaidAreNoNoughts) {
  SCOPED_TRACE(seed);
  class Silent final : public Predictor {
   public:
    [[nodiscard]] std::string_view name() const noexcept override { return "silent"; }
    void start_lane(LaneId) override {}
    void observe(LaneId, LayerId, std::span<const ExpertId>) override {}
    [[nodiscard]] bool forecast(LayerId, LayerId, std::span<float>) override { return false; }
  };
  const RoutingTrace trace = draw(seed, 0);
  const std::vector<SequenceId> sequences = all_of(trace);
  const BatchSchedule schedule(trace, sequences, {1, 0, 4});
  Silent silent;
  std::vector<Predictor*> panel{&silent};
  ResidentExperts resident(grid, {10, top_k}, std::make_unique<LruPolicy>(grid));
  ForecastEvaluation evaluation({}, top_k, schedule.tokens_max(), panel, resident);
  evaluate_trace(trace, schedule, nullptr, evaluation, {});
  EXPECT_GT(evaluation.decode_steps(), 0U);
  EXPECT_EQ(evaluation.within_step(0, 0).recall_at_k(), std::nullopt);
}

TEST_F(ForecastEvaluations, RefuseAPlanOutOfBounds) {
  ResidentExperts resident(grid, {10, top_k}, std::make_unique<LruPolicy>(grid));
  for (const std::vector<std::uint32_t>& ahead : {std::vector<std::uint32_t>{}, {0U}, {1U, layers + 1}}) {
    EvaluationPlan plan;
    plan.ahead = ahead;
    EXPECT_THROW(ForecastEvaluation(plan, top_k, 1, {}, resident), Error);
  }
}

}  // namespace
}  // namespace prophet::engine_test
