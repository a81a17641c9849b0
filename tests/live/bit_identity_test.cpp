// However experts are kept and steps are cut, the logits are those of all experts resident, bit by bit.
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/engine/workload.hpp"
#include "tests/engine/scenario.hpp"
#include "tests/live/identity_plan.hpp"
#include "tests/memory/random_run.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

/// An evaluation is one token's pass through one expert that was launched. So many of each of the four
/// models: two million together. Those of the references, with all experts resident, are not counted.
constexpr std::uint64_t evaluations_wanted = 500'000;

/// What the runs met, so that a test that no longer reaches anything is noticed.
struct Met {
  std::uint64_t runs = 0;
  std::uint64_t positions = 0;
  std::uint64_t evaluations = 0;
  std::uint64_t misses = 0;
  std::uint64_t prefetches_used = 0;
  std::uint64_t late = 0;
  std::uint64_t cancelled_bytes = 0;
  std::uint64_t refused = 0;
  std::uint64_t rounds = 0;

  void add(const IdentityPlan& plan, const ReplayMetrics& metrics, const UnsteadyDevice& device) {
    ++runs;
    positions += plan.tokens();
    evaluations += device.expert_evaluations();
    misses += metrics.total.miss;
    prefetches_used += metrics.bytes.prefetch_useful > 0 ? 1U : 0U;
    late += metrics.total.hit_late;
    cancelled_bytes += metrics.bytes.prefetch_cancelled;
    refused += metrics.prefetches_failed;
    rounds += metrics.rounds_extra;
  }
};

/// Says of every expert the opposite of what another predictor says.
class ContraryPredictor final : public Predictor {
 public:
  explicit ContraryPredictor(std::unique_ptr<Predictor> of) : of_(std::move(of)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "contrary"; }
  void start_lane(LaneId lane) override { of_->start_lane(lane); }
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override {
    of_->observe(lane, layer, experts);
  }
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override {
    if (!of_->forecast(made_at, target, probability)) return false;
    for (float& p : probability) p = 1 - p;
    return true;
  }

 private:
  std::unique_ptr<Predictor> of_;
};

std::vector<SequenceId> all_sequences() {
  std::vector<SequenceId> all;
  for (std::uint32_t s = 0; s < IdentityPool::sequences; ++s) all.push_back(SequenceId{s});
  return all;
}

std::unique_ptr<Predictor> make_named(const IdentityPlan& plan, const IdentityPool& pool,
                                      const RequestGroups& future) {
  if (plan.predictor == "hostile") return std::make_unique<engine_test::HostilePredictor>(plan.seed);
  const std::vector<SequenceId> training = all_sequences();
  PredictorOptions options;
  options.grid = future.grid;
  options.top_k = pool.config().shape.top_k;
  options.lanes = plan.rig.lanes;
  options.trace = &pool.trace();
  options.training = training;
  options.future = {future.offsets, future.experts};
  options.ahead_layers = plan.rig.engine.prefetch.lookahead_layers;
  if (plan.predictor == "contrary")
    return std::make_unique<ContraryPredictor>(make_predictor("oracle", options));
  return make_predictor(plan.predictor, options);
}

void run_step(LiveRig& rig, const IdentityPool& pool, const PlannedStep& step) {
  std::vector<LiveToken> inputs;
  for (const PlannedToken& token : step.tokens)
    inputs.push_back({token.lane, pool.ids(token.sequence)[token.position], token.position});
  const std::span<const float> logits = rig.step(step.kind, inputs);
  const std::size_t vocab = logits.size() / inputs.size();
  for (std::size_t t = 0; t < inputs.size(); ++t) {
    const PlannedToken& token = step.tokens[t];
    ASSERT_EQ(logits_checksum(logits.subspan(t * vocab, vocab)), pool.logits(token.sequence, token.position))
        << "sequence " << token.sequence << ", position " << token.position << ", lane " << token.lane.value;
  }
}

void run(const IdentityPlan& plan, const IdentityPool& pool, Met& met) {
  CpuOptions cpu;
  cpu.link_bytes_per_s = plan.link_bytes_per_s;
  UnsteadyDevice device(make_cpu_device(cpu), plan.unsteady);
  const RequestGroups future = plan.requests(pool);
  const std::unique_ptr<Predictor> predictor = make_named(plan, pool, future);
  RigOptions options = plan.rig;
  options.predictor = predictor.get();
  options.popularity = count_popularity(pool.trace(), all_sequences());
  options.future = &future;
  LiveRig rig(device, pool.model(), options);
  if (plan.preload) rig.loop().preload();
  for (const PlannedStep& step : plan.steps) {
    run_step(rig, pool, step);
    if (::testing::Test::HasFatalFailure()) return;
  }
  const ReplayMetrics& metrics = rig.loop().finish();
  rig.loop().cache().check_invariants();
  EXPECT_EQ(device.expert_evaluations(), plan.tokens() * future.grid.layers * pool.config().shape.top_k);
  EXPECT_EQ(metrics.total.requests, future.requests());
  engine_test::expect_conserved(metrics);
  met.add(plan, metrics, device);
}

kernels::ExpertFormat draw_format(Random& random) {
  constexpr std::array formats{kernels::ExpertFormat::int8, kernels::ExpertFormat::int4_32,
                               kernels::ExpertFormat::mxfp4, kernels::ExpertFormat::fp8_rows};
  return formats[random.below(formats.size())];
}

class BitIdentity : public ::testing::TestWithParam<const char*> {};

TEST_P(BitIdentity, OfLogitsHoweverExpertsAreKeptAndStepsAreCut) {
  const std::uint64_t base = testing_support::fresh_seed();
  Random random(base);
  const std::filesystem::path model = live_folder() / "models" / GetParam();
  std::vector<IdentityPool> pools;
  pools.emplace_back(model, std::nullopt, random);
  pools.emplace_back(model, draw_format(random), random);
  const std::uint64_t wanted = testing_support::random_operations(evaluations_wanted);
  Met met;
  while (met.evaluations < wanted) {
    // Slabs as stored three times of four, and quantised ones.
    const IdentityPool& pool = pools[met.runs % 4 == 3 ? 1 : 0];
    const IdentityPlan plan = IdentityPlan::draw(pool, base + met.runs);
    SCOPED_TRACE("run " + std::to_string(met.runs) + ": " + plan.describe());
    run(plan, pool, met);
    if (HasFailure()) return;
  }
  std::cout << met.runs << " runs, " << met.positions << " positions, " << met.evaluations
            << " expert evaluations; " << met.misses << " misses, " << met.late << " late, "
            << met.prefetches_used << " runs with useful prefetches, " << met.cancelled_bytes
            << " bytes cancelled, " << met.refused << " prefetches refused, " << met.rounds
            << " extra rounds\n";
  if (wanted < evaluations_wanted) return;
  EXPECT_GE(met.evaluations, evaluations_wanted);
  for (const std::uint64_t of :
       {met.misses, met.late, met.prefetches_used, met.cancelled_bytes, met.refused, met.rounds})
    EXPECT_GT(of, met.runs / 20);
}

INSTANTIATE_TEST_SUITE_P(Live, BitIdentity,
                         ::testing::Values("olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny"),
                         [](const auto& named) {
                           std::string name = named.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace prophet::testing
