// A live model on the cuda device computes what it computes on the cpu: on the test vehicle where the build
// is one, else on the GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <span>
#include <vector>

#include "runtime/device/cpu_device.hpp"
#include "tests/engine/cuda/on_cuda_device.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

/// Of the largest logit at a position. Attention adds up in another order than the reference, and CUDA's exp
/// is another than the host's: fp32's last bits, through two layers.
constexpr double tolerance = 1e-4;
constexpr std::uint32_t prompt_tokens = 20;
constexpr std::uint32_t decoded_tokens = 6;
constexpr std::array models{"olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny", "sample"};

/// Every choice of every router, in the order of the steps.
class Choices final : public RoutingSink {
 public:
  void on_layer(const RoutedLayer& routed) override {
    for (const ExpertId expert : routed.chosen) all.push_back(expert.value);
  }
  std::vector<std::uint32_t> all;
};

struct Ran {
  std::vector<float> logits;  ///< [tokens, vocab]
  std::vector<std::uint32_t> choices;
  LayerCounts counts;
};

RigOptions rig_options(std::uint32_t slabs) {
  RigOptions options;
  options.context_tokens = prompt_tokens + decoded_tokens;
  options.tokens_max = prompt_tokens;
  options.lanes = 2;
  options.engine.cache = {slabs, slabs == 0 ? 0U : 2U};
  return options;
}

/// A prompt in one pass, then a token a step.
Ran run(Device& device, const char* model, RigOptions options) {
  LiveRig rig(device, live_model(model), options);
  Choices choices;
  rig.model().set_sink(&choices);
  const DecoderFixture fixture = load_decoder_fixture(live_folder() / "fixtures" / model);
  const std::vector<std::uint32_t>& ids = fixture.prompts.front().ids;
  Ran ran;
  std::vector<LiveToken> inputs;
  for (std::uint32_t t = 0; t < prompt_tokens + decoded_tokens; ++t) {
    inputs.push_back({LaneId{0}, ids[t], t});
    if (t + 1 < prompt_tokens) continue;
    const std::span<const float> logits =
        rig.step(t + 1 == prompt_tokens ? StepKind::prefill : StepKind::decode, inputs);
    ran.logits.insert(ran.logits.end(), logits.begin(), logits.end());
    inputs.clear();
  }
  ran.choices = choices.all;
  ran.counts = rig.loop().finish().total;
  return ran;
}

/// A sequence that begins while another goes on: the step's last token has the shorter context.
std::vector<float> beside_a_longer_one(Device& device, const char* model) {
  LiveRig rig(device, live_model(model), rig_options(5));
  const DecoderFixture fixture = load_decoder_fixture(live_folder() / "fixtures" / model);
  std::vector<LiveToken> inputs;
  for (std::uint32_t t = 0; t < prompt_tokens; ++t)
    inputs.push_back({LaneId{1}, fixture.prompts[0].ids[t], t});
  (void)rig.step(StepKind::prefill, inputs);
  std::vector<float> all;
  for (std::uint32_t t = 0; t < decoded_tokens; ++t) {
    const std::array step{LiveToken{LaneId{1}, fixture.prompts[0].ids[prompt_tokens + t], prompt_tokens + t},
                          LiveToken{LaneId{0}, fixture.prompts[1].ids[t], t}};
    const std::span<const float> logits = rig.step(StepKind::decode, step);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

/// What routers of coming layers say, in the order of the steps; forecasts nothing.
class LogitsKept final : public Predictor {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "kept"; }
  void start_lane(LaneId) override {}
  void observe(LaneId, LayerId, std::span<const ExpertId>) override {}
  [[nodiscard]] std::uint32_t wants_ahead() const noexcept override { return 2; }
  void observe_ahead(LaneId, LayerId, LayerId, std::span<const float> logits) override {
    all.insert(all.end(), logits.begin(), logits.end());
  }
  [[nodiscard]] bool forecast(LayerId, LayerId, std::span<float>) override { return false; }
  std::vector<float> all;
};

class LiveCuda : public engine_test::OnCudaDevice {};

TEST_F(LiveCuda, RoutingIsTheCpusAndLogitsAreItsToWithinTheLastBits) {
  for (const char* const model : models) {
    SCOPED_TRACE(model);
    const auto cpu = make_cpu_device({});
    const Ran expected = run(*cpu, model, rig_options(5));
    const Ran found = run(*device_, model, rig_options(5));
    EXPECT_EQ(found.choices, expected.choices);
    EXPECT_EQ(found.counts.requests, expected.counts.requests);
    EXPECT_EQ(found.counts.miss, expected.counts.miss);
    const std::size_t vocab = expected.logits.size() / (prompt_tokens + decoded_tokens);
    ASSERT_EQ(found.logits.size(), expected.logits.size());
    double worst = 0;
    for (std::size_t t = 0; t < prompt_tokens + decoded_tokens; ++t) {
      const double difference = relative_difference(std::span(found.logits).subspan(t * vocab, vocab),
                                                    std::span(expected.logits).subspan(t * vocab, vocab));
      EXPECT_LT(difference, tolerance) << "position " << t;
      worst = std::max(worst, difference);
    }
    std::cout << model << ": off by at most " << worst << " of the largest logit\n";
  }
}

TEST_F(LiveCuda, LogitsThroughAFewSlabsAreThoseOfAllExpertsResidentBitByBit) {
  for (const char* const model : models) {
    const Ran resident = run(*device_, model, rig_options(0));
    const Ran tight = run(*device_, model, rig_options(3));
    EXPECT_GT(tight.counts.miss, resident.counts.miss);
    EXPECT_EQ(tight.logits, resident.logits) << model;
  }
}

TEST_F(LiveCuda, RoutersAheadSayWhatTheySayOnTheCpuAndChangeNothing) {
  for (const char* const model : {"olmoe-tiny", "sample"}) {
    const auto cpu = make_cpu_device({});
    LogitsKept expected;
    LogitsKept found;
    RigOptions options = rig_options(5);
    const Ran without = run(*device_, model, options);
    options.predictor = &expected;
    (void)run(*cpu, model, options);
    options.predictor = &found;
    EXPECT_EQ(run(*device_, model, options).logits, without.logits) << model;
    EXPECT_FALSE(found.all.empty());
    EXPECT_LT(relative_difference(found.all, expected.all), tolerance) << model;
  }
}

TEST_F(LiveCuda, SequencesOfSeveralLengthsShareAStep) {
  for (const char* const model : models) {
    const auto cpu = make_cpu_device({});
    const std::vector<float> expected = beside_a_longer_one(*cpu, model);
    EXPECT_LT(relative_difference(beside_a_longer_one(*device_, model), expected), tolerance) << model;
  }
}

TEST_F(LiveCuda, QuantisedSlabsGiveWhatTheyGiveOnTheCpu) {
  for (const kernels::ExpertFormat format :
       {kernels::ExpertFormat::int8, kernels::ExpertFormat::int4_32, kernels::ExpertFormat::mxfp4}) {
    RigOptions options = rig_options(5);
    options.expert_format = format;
    const auto cpu = make_cpu_device({});
    const Ran expected = run(*cpu, "olmoe-tiny", options);
    const Ran found = run(*device_, "olmoe-tiny", options);
    EXPECT_EQ(found.choices, expected.choices);
    EXPECT_LT(relative_difference(found.logits, expected.logits), tolerance);
  }
}

}  // namespace
}  // namespace prophet::testing
