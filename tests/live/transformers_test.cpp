#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/device/cpu_device.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/support/decoder_fixture.hpp"

/// Against transformers, on the same checkpoints: tests/live/README.md says how the fixtures were made.
namespace prophet::testing {
namespace {

/// Of the largest logit at a position. The fixtures themselves are off by 7.6e-6.
constexpr double tolerance = 1e-4;
constexpr std::uint32_t quarter = 4;

/// Keeps the routing of a prompt as the fixtures do: [sparse layer][token][rank].
class KeptRouting final : public RoutingSink {
 public:
  explicit KeptRouting(std::uint32_t layers) : ids_(layers), weights_(layers) {}
  void on_layer(const RoutedLayer& routed) override {
    for (const ExpertId expert : routed.chosen) ids_[routed.layer.index()].push_back(expert.value);
    weights_[routed.layer.index()].insert(weights_[routed.layer.index()].end(), routed.weights.begin(),
                                          routed.weights.end());
  }
  [[nodiscard]] const std::vector<std::uint32_t>& ids(std::size_t layer) const { return ids_[layer]; }
  [[nodiscard]] const std::vector<float>& weights(std::size_t layer) const { return weights_[layer]; }

 private:
  std::vector<std::vector<std::uint32_t>> ids_;
  std::vector<std::vector<float>> weights_;
};

class Transformers : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { fixture_ = load_decoder_fixture(live_folder() / "fixtures" / GetParam()); }
  [[nodiscard]] std::filesystem::path model() const { return live_model(GetParam()); }
  [[nodiscard]] RigOptions quarter_of_the_experts() const {
    RigOptions options;
    const auto experts = static_cast<std::uint32_t>(fixture_.experts * fixture_.sparse_layers.size());
    options.engine.cache = {std::max(1U, experts / quarter), fixture_.top_k};
    return options;
  }

  DecoderFixture fixture_;
  std::unique_ptr<Device> device_ = make_cpu_device({});
};

TEST_P(Transformers, LogitsAreTheirsAtEveryPosition) {
  LiveRig rig(*device_, model(), RigOptions{});
  double worst = 0;
  for (std::size_t p = 0; p < fixture_.prompts.size(); ++p) {
    const std::vector<float> logits = rig.logits_of(fixture_.prompts[p].ids, fixture_.prompt_tokens());
    ASSERT_EQ(logits.size(), std::size_t{fixture_.prompt_tokens()} * fixture_.vocab);
    for (std::size_t t = 0; t < fixture_.prompt_tokens(); ++t) {
      const double difference = relative_difference(
          std::span(logits).subspan(t * fixture_.vocab, fixture_.vocab), fixture_.logits(p, t));
      worst = std::max(worst, difference);
      ASSERT_LT(difference, tolerance) << "prompt " << p << ", position " << t;
    }
  }
  RecordProperty("largest_relative_difference", std::to_string(worst));
}

TEST_P(Transformers, RoutingIsTheirsTokenByToken) {
  LiveRig rig(*device_, model(), RigOptions{});
  for (std::size_t p = 0; p < fixture_.prompts.size(); ++p) {
    KeptRouting kept(static_cast<std::uint32_t>(fixture_.sparse_layers.size()));
    rig.model().set_sink(&kept);
    (void)rig.logits_of(fixture_.prompts[p].ids, fixture_.prompt_tokens());
    rig.model().set_sink(nullptr);
    for (std::size_t l = 0; l < fixture_.sparse_layers.size(); ++l) {
      for (std::size_t t = 0; t < fixture_.prompt_tokens(); ++t) {
        for (std::size_t r = 0; r < fixture_.top_k; ++r) {
          const std::size_t at = t * fixture_.top_k + r;
          ASSERT_EQ(kept.ids(l)[at], fixture_.expert_ids(p, l, t)[r])
              << "prompt " << p << ", layer " << l << ", token " << t << ", rank " << r;
          ASSERT_NEAR(kept.weights(l)[at], fixture_.expert_weights(p, l, t)[r], tolerance);
        }
      }
    }
  }
}

TEST_P(Transformers, GreedyContinuationsAreTheirsThroughAQuarterOfTheExperts) {
  LiveRig rig(*device_, model(), quarter_of_the_experts());
  std::vector<LiveRequest> requests;
  for (const DecodedPrompt& prompt : fixture_.prompts) {
    LiveRequest request;
    request.prompt = prompt.ids;
    request.new_tokens_max = static_cast<std::uint32_t>(prompt.continuation.size());
    requests.push_back(std::move(request));
  }
  DecodeOptions options;
  options.stops_at_eos = false;
  const std::vector<Continuation> found = rig.decode(requests, options);
  for (std::size_t p = 0; p < requests.size(); ++p)
    EXPECT_EQ(found[p].tokens, fixture_.prompts[p].continuation) << p;
  EXPECT_GT(rig.loop().finish().total.miss, 0U) << "a quarter of the experts was meant to miss";
}

INSTANTIATE_TEST_SUITE_P(Live, Transformers,
                         ::testing::Values("olmoe-tiny", "qwen2-moe-tiny", "qwen3-moe-tiny", "mixtral-tiny",
                                           "sample"),
                         [](const auto& named) {
                           std::string name = named.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace prophet::testing
