// Prefetch that does not pay turns itself down, and says so; prefetch that pays goes on.
#include <gtest/gtest.h>

#include "predictor/make_predictor.hpp"
#include "runtime/device/sim_device.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

constexpr ScenarioOptions sizes{.layers = 4, .experts = 16, .top_k = 2, .sequences = 30, .mean_tokens = 40};

/// Wants experts below 8 only.
Scenario lower_half() {
  const Scenario drawn({.layers = 4, .experts = 8, .top_k = 2, .sequences = 30, .mean_tokens = 40});
  const RoutingTrace& trace = drawn.trace();
  TraceShape shape = trace.shape();
  shape.grid.experts = sizes.experts;
  const std::vector<SequenceInfo> sequences(trace.sequences().begin(), trace.sequences().end());
  const std::vector<std::byte> ids(trace.id_storage().begin(), trace.id_storage().end());
  return Scenario(RoutingTrace(shape, trace.provenance(), sequences, ids, {}), sizes);
}

/// Names the upper half, which nobody ever wants, in turn.
class WrongPredictor final : public Predictor {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "wrong"; }
  void start_lane(LaneId) override {}
  void observe(LaneId, LayerId, std::span<const ExpertId>) override {}
  [[nodiscard]] bool forecast(LayerId, LayerId, std::span<float> probability) override {
    std::fill(probability.begin(), probability.end(), 0.0F);
    for (std::size_t i = 0; i < 2; ++i) probability[8 + (turn_ + i) % 8] = 1.0F;
    turn_ += 3;
    return true;
  }

 private:
  std::size_t turn_ = 0;
};

/// Holds up every layer before its experts, as one that starts forecasts on a device does, and says what
/// another one says, or nothing.
class CostlyPredictor final : public Predictor {
 public:
  CostlyPredictor(Device& device, std::uint64_t cost_ns, Predictor* inner)
      : device_(device), cost_ns_(cost_ns), inner_(inner) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "costly"; }
  void start_lane(LaneId lane) override {
    if (inner_ != nullptr) inner_->start_lane(lane);
  }
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override {
    if (inner_ != nullptr) inner_->observe(lane, layer, experts);
  }
  void prepare(LayerId, LayerId) override {
    ++prepared;
    const std::uint64_t begin_ns = device_.now_ns();
    while (device_.now_ns() < begin_ns + cost_ns_) device_.host_computed({64, 0});
  }
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override {
    ++asked;
    return inner_ != nullptr && inner_->forecast(made_at, target, probability);
  }

  std::uint64_t prepared = 0;
  std::uint64_t asked = 0;

 private:
  Device& device_;
  std::uint64_t cost_ns_;
  Predictor* inner_;
};

/// By the rule that asks for what pays, with a link whose rate is known.
Replay paying(const Scenario& scenario) {
  Replay how = scenario.middling();
  how.engine.prefetch.rule = PrefetchRule::paying;
  how.engine.prefetch.link_bytes_per_s = balanced_profile().link_bytes_per_s;
  return how;
}

TEST(ForecastsThatCostMoreThanTheyHide, RestToo) {
  const Scenario scenario(sizes);
  const auto device = balanced_sim();
  CostlyPredictor costly(*device, 2000, nullptr);
  Replay how = paying(scenario);
  how.test_predictor = &costly;
  const ReplayMetrics metrics = scenario.replay(*device, how);
  const std::uint64_t layers_run = metrics.steps * sizes.layers;
  ASSERT_GT(layers_run, 2500U) << "long enough for a rest";
  EXPECT_EQ(metrics.prefetch_paused_layers, layers_run - 1024);
  EXPECT_EQ(costly.prepared, 1024U) << "what rests costs nothing";
  EXPECT_EQ(costly.asked, 1024U);
}

TEST(ForecastsThatCostMoreThanTheyHide, RestNotWhereTheyCostNextToNothing) {
  const Scenario scenario(sizes);
  const auto device = balanced_sim();
  CostlyPredictor costly(*device, 500, nullptr);
  Replay how = paying(scenario);
  how.test_predictor = &costly;
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_EQ(metrics.prefetch_paused_layers, 0U);
  EXPECT_EQ(costly.prepared, metrics.steps * sizes.layers);
}

TEST(ForecastsThatHideMoreThanTheyCost, NeverRest) {
  GpuProfile slow = balanced_profile();
  slow.link_bytes_per_s /= 10;  // an expert is 9 us
  slow.memory_bytes_per_s /= 10;
  const Scenario scenario(sizes);
  Replay how = paying(scenario);
  how.engine.prefetch.link_bytes_per_s = slow.link_bytes_per_s;
  const RequestGroups future = scenario.requests(how.schedule);
  PredictorOptions options;
  options.grid = {sizes.layers, sizes.experts};
  options.top_k = sizes.top_k;
  options.future = {future.offsets, future.experts};
  const auto oracle = make_predictor("oracle", options);
  const auto device = make_sim_device(slow, {});
  CostlyPredictor costly(*device, 2000, oracle.get());
  how.test_predictor = &costly;
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_GT(metrics.bytes.prefetch_useful, 0U);
  EXPECT_EQ(metrics.prefetch_paused_layers, 0U);
}

TEST(PrefetchThatDoesNotPay, RestsAndSaysSo) {
  const Scenario scenario = lower_half();
  WrongPredictor wrong;
  Replay how = scenario.middling();
  how.test_predictor = &wrong;
  const auto device = balanced_sim();
  const ReplayMetrics metrics = scenario.replay(*device, how);
  const std::uint64_t layers_run = metrics.steps * sizes.layers;
  ASSERT_GT(layers_run, 2500U) << "long enough for a rest";
  EXPECT_EQ(metrics.bytes.prefetch_useful, 0U);
  EXPECT_GT(metrics.prefetch_paused_layers, layers_run / 3);
  EXPECT_LT(metrics.prefetches_issued, 2 * layers_run / 2);
  expect_conserved(metrics);
}

TEST(PrefetchThatDoesNotPay, GoesOnWhereNothingIsAskedOfIt) {
  const Scenario scenario = lower_half();
  WrongPredictor wrong;
  Replay how = scenario.middling();
  how.test_predictor = &wrong;
  how.engine.prefetch_useful_min = 0;
  const auto device = balanced_sim();
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_EQ(metrics.prefetch_paused_layers, 0U);
  EXPECT_GT(metrics.prefetches_issued, metrics.steps * sizes.layers);
}

TEST(PrefetchThatDoesNotPay, MayBeOneThatNeverFinishes) {
  GpuProfile slow = balanced_profile();
  slow.link_bytes_per_s = 1e6;  // a prefetch takes far longer than a layer
  const Scenario scenario = lower_half();
  WrongPredictor wrong;
  Replay how = scenario.middling();
  how.engine.cache = {64, 8};  // every wanted expert stays, so that the link is the prefetches' own
  how.test_predictor = &wrong;
  const auto device = make_sim_device(slow, {});
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_GT(metrics.bytes.prefetch_cancelled, 0U);
  EXPECT_GT(metrics.prefetch_paused_layers, 0U);
  expect_conserved(metrics);
}

TEST(PrefetchThatPays, NeverRests) {
  const Scenario scenario(sizes);
  Replay how = scenario.middling();
  how.predictor = "oracle";
  const auto device = balanced_sim();
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_EQ(metrics.prefetch_paused_layers, 0U);
  EXPECT_GT(metrics.bytes.prefetch_useful, 0U);
  EXPECT_GT(metrics.bytes.prefetch_useful, 10 * metrics.bytes.prefetch_wasted);
  EXPECT_EQ(metrics.forecast.recalled_at_k, metrics.forecast.wanted) << "the control reads exactly 100 %";
}

TEST(PrefetchThatPays, OfTheOracleIsScoredAtExactlyAHundredPercentWithPrefillAndBatches) {
  ScenarioOptions with_prompts = sizes;
  with_prompts.prefill_tokens = 9;
  const Scenario scenario(with_prompts);
  Replay how = scenario.middling();
  how.predictor = "oracle";
  how.schedule = {3, 0, 4};
  const auto device = balanced_sim();
  const ReplayMetrics metrics = scenario.replay(*device, how);
  EXPECT_GT(metrics.forecast.wanted, 0U);
  EXPECT_EQ(metrics.forecast.recalled_at_k, metrics.forecast.wanted);
  EXPECT_EQ(metrics.forecast.recalled_at_2k, metrics.forecast.wanted);
  EXPECT_EQ(metrics.forecast.absent_named, metrics.forecast.absent_named_wanted);
}

TEST(Prefetch, WithGoodForecastsHidesMisses) {
  const Scenario scenario(sizes);
  const auto device = balanced_sim();
  Replay how = scenario.middling();
  const ReplayMetrics on_demand = scenario.replay(*device, how);
  how.predictor = "oracle";
  const ReplayMetrics with_oracle = scenario.replay(*device, how);
  EXPECT_LT(with_oracle.total.miss, on_demand.total.miss / 2);
  EXPECT_LT(with_oracle.stall_ns, on_demand.stall_ns);
  EXPECT_LT(with_oracle.total_ns, on_demand.total_ns);
  expect_same_requests(with_oracle, on_demand);
}

}  // namespace
}  // namespace prophet::engine_test
