// What a live model tells a predictor of coming layers is what their routers say of the hidden state at hand,
// worked out here from the checkpoint's own numbers; and that a control applied the same way is exact.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/expert_formats.hpp"
#include "predictor/gate_ahead_predictor.hpp"
#include "runtime/cache/lru.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/engine/forecast_evaluation.hpp"
#include "runtime/engine/live/live_session.hpp"
#include "runtime/engine/live/trace_recorder.hpp"
#include "runtime/model/checkpoint.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t lanes = 3;
constexpr std::uint32_t ahead_layers = 2;

std::vector<LiveRequest> some_requests() {
  std::vector<LiveRequest> all(5);
  for (std::uint32_t r = 0; r < all.size(); ++r) {
    for (std::uint32_t t = 0; t < 3 + 2 * r; ++t) all[r].prompt.push_back('a' + (5 * r + t * t) % 26);
    all[r].new_tokens_max = 6 + 2 * r;
  }
  return all;
}

/// The sample model's routers, in double precision.
class Routers {
 public:
  explicit Routers(std::uint32_t layers) {
    const Checkpoint checkpoint(live_model("sample"));
    for (std::uint32_t l = 0; l < layers; ++l) {
      const TensorView view = checkpoint.at("model.layers." + std::to_string(l) + ".mlp.gate.weight");
      std::vector<std::uint16_t> codes(view.bytes.size() / sizeof(std::uint16_t));
      std::memcpy(codes.data(), view.bytes.data(), view.bytes.size());
      for (const std::uint16_t code : codes)
        weights_[l].push_back(static_cast<double>(kernels::decode_bf16(code)));
    }
  }
  [[nodiscard]] std::vector<double> logits(LayerId layer, std::span<const float> hidden) const {
    const std::vector<double>& weights = weights_.at(layer.value);
    std::vector<double> all(weights.size() / hidden.size(), 0.0);
    for (std::size_t e = 0; e < all.size(); ++e) {
      for (std::size_t i = 0; i < hidden.size(); ++i)
        all[e] += weights[e * hidden.size() + i] * static_cast<double>(hidden[i]);
    }
    return all;
  }

 private:
  std::map<std::uint32_t, std::vector<double>> weights_;
};

/// Sees the routers' inputs and what the engine makes of them.
class Witness final : public Predictor, public RoutingSink {
 public:
  explicit Witness(const Routers& routers) : routers_(routers) {}

  void on_layer(const RoutedLayer& routed) override {
    hidden_.clear();
    const std::size_t size = routed.hidden.size() / routed.tokens.size();
    for (std::size_t t = 0; t < routed.tokens.size(); ++t) {
      const std::span<const float> row = routed.hidden.subspan(t * size, size);
      hidden_[routed.tokens[t].lane.value].assign(row.begin(), row.end());
    }
    layer_ = routed.layer;
    if (routed.kind == StepKind::decode) decode_tokens += routed.tokens.size();
    is_decode_ = routed.kind == StepKind::decode;
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "witness"; }
  void start_lane(LaneId) override {}
  void observe(LaneId, LayerId, std::span<const ExpertId>) override {}
  [[nodiscard]] std::uint32_t wants_ahead() const noexcept override { return ahead_layers; }
  void observe_ahead(LaneId lane, LayerId made_at, LayerId target, std::span<const float> logits) override {
    ASSERT_TRUE(is_decode_);
    ASSERT_EQ(made_at, layer_);
    const std::vector<double> expected = routers_.logits(target, hidden_.at(lane.value));
    ASSERT_EQ(logits.size(), expected.size());
    for (std::size_t e = 0; e < expected.size(); ++e)
      ASSERT_NEAR(static_cast<double>(logits[e]), expected[e], 1e-4 * (1 + std::abs(expected[e])))
          << "lane " << lane.value << ", made at " << made_at.value << " for " << target.value;
    ++told;
  }
  [[nodiscard]] bool forecast(LayerId, LayerId, std::span<float>) override { return false; }

  std::uint64_t told = 0;
  std::uint64_t decode_tokens = 0;  ///< over all layers

 private:
  const Routers& routers_;
  std::map<std::uint32_t, std::vector<float>> hidden_;  ///< by lane
  LayerId layer_;
  bool is_decode_ = false;
};

TEST(GateAheadLive, IsTheRouterOfTheComingLayerOnTheInputAtHand) {
  const auto device = make_cpu_device({});
  const DecoderConfig config = load_decoder_config(live_model("sample"));
  const std::uint32_t layers = config.shape.grid.layers;
  const Routers routers(layers);
  Witness witness(routers);
  RigOptions options;
  options.lanes = lanes;
  options.context_tokens = options.tokens_max = 64;
  options.predictor = &witness;
  options.records_hidden = true;
  LiveRig rig(*device, live_model("sample"), options);
  rig.model().set_sink(&witness);
  DecodeOptions decode;
  decode.lanes = lanes;
  decode.prefill_chunk_tokens = 4;
  decode.stops_at_eos = false;
  const std::vector<LiveRequest> requests = some_requests();
  (void)rig.decode(requests, decode);
  // The last two layers have one coming layer less each to be told of.
  const std::uint64_t told_a_token = std::uint64_t{layers} * ahead_layers - 2 - 1;
  EXPECT_GT(witness.told, 0U);
  EXPECT_EQ(witness.told, witness.decode_tokens / layers * told_a_token);
  const ReplayMetrics& metrics = rig.loop().finish();
  EXPECT_EQ(metrics.routers_ahead, metrics.steps * told_a_token);
  EXPECT_EQ(metrics.logits_ahead_bytes, witness.told * config.shape.grid.experts * sizeof(float));
}

/// Passes on to a recorder, and keeps what it is told of routers ahead in the order of one lane's tokens.
class RecordedTwice final : public RoutingSink {
 public:
  explicit RecordedTwice(TraceRecorder& recorder) : recorder_(recorder) {}
  void on_layer(const RoutedLayer& routed) override {
    recorder_.on_layer(routed);
    if (routed.layer.value == 0) rows += routed.tokens.size();
    for (std::size_t t = 0; t < routed.tokens.size(); ++t) {
      for (std::uint32_t ahead = 1; ahead <= ahead_layers; ++ahead) {
        const std::span<const float> logits = routed.ahead.row(ahead, t);
        if (logits.empty()) continue;
        const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
        first[{rows - routed.tokens.size() + t, routed.layer.value, ahead}] =
            static_cast<std::uint16_t>(best);
      }
    }
  }

  std::uint64_t rows = 0;
  std::map<std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>, std::uint16_t> first;

 private:
  TraceRecorder& recorder_;
};

TEST(GateAheadLive, IsRecordedBesideTheRoutingThatItForetells) {
  LiveSessionOptions options;
  options.model = live_model("sample");
  options.decode.stops_at_eos = false;
  options.routers_ahead = ahead_layers;
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession session(options, requests);
  const DecoderConfig& config = session.weights().config();
  RecordedShape shape = recorded_shape_of(config);
  shape.ahead_layers = ahead_layers;
  shape.ahead_ranks = 2 * shape.top_k;
  TraceRecorder recorder(shape);
  RecordedTwice sink(recorder);
  ReplayCase what;
  what.slabs = shape.grid.size();
  const LiveRow row = session.run(what, {}, &sink);
  const AheadChoices choices = recorder.ahead_choices();
  const RoutingTrace trace = recorder.trace({}, requests, row.continuations);
  ASSERT_EQ(trace.tokens(), sink.rows);
  ASSERT_EQ(choices.ids.size(), trace.tokens() * choices.row_ids());
  EXPECT_GT(sink.first.size(), 0U);
  std::uint64_t right = 0;
  for (std::uint64_t r = 0; r < trace.tokens(); ++r) {
    for (std::uint32_t l = 0; l < shape.grid.layers; ++l) {
      for (std::uint32_t ahead = 1; ahead <= ahead_layers; ++ahead) {
        const auto said = sink.first.find({r, l, ahead});
        const std::uint16_t kept = choices.of(r, LayerId{l}, ahead).front();
        ASSERT_EQ(kept, said == sink.first.end() ? AheadChoices::none : said->second);
        for (std::uint32_t k = 0; kept != AheadChoices::none && k < shape.top_k; ++k)
          right += trace.expert(r, LayerId{l + ahead}, k).value == kept ? 1U : 0U;
      }
    }
  }
  EXPECT_GT(right, sink.first.size() / 2) << "a router's first choice mostly comes";
}

TEST(GateAheadLive, CostsTheMemoryThatItSays) {
  const auto device = make_cpu_device({});
  const DecoderConfig config = load_decoder_config(live_model("sample"));
  RigOptions options;
  options.lanes = lanes;
  options.context_tokens = options.tokens_max = 32;
  const std::uint64_t without = LiveRig(*device, live_model("sample"), options).model().device_bytes();
  GateAheadPredictor predictor(config.shape.grid, config.shape.top_k, lanes, ahead_layers);
  options.predictor = &predictor;
  const std::uint64_t with = LiveRig(*device, live_model("sample"), options).model().device_bytes();
  const std::uint64_t logits = 32 * config.shape.grid.experts * sizeof(float) * ahead_layers;
  EXPECT_NEAR(static_cast<double>(with - without), static_cast<double>(logits), 4.0)
      << "an empty buffer has 4";
}

TEST(GateAheadLive, OnItsOwnInputEveryRouterIsRightAndFurtherAheadLess) {
  LiveSessionOptions options;
  options.model = live_model("sample");
  options.decode.lanes = lanes;
  options.decode.stops_at_eos = false;
  options.routers_ahead = ahead_layers;
  options.router_again = true;
  const std::vector<LiveRequest> requests = some_requests();
  LiveSession session(options, requests);
  const ModelShape& shape = session.weights().config().shape;
  GateAheadPredictor predictor(shape.grid, shape.top_k, lanes, ahead_layers);
  GateAheadPredictor control(shape.grid, shape.top_k, lanes, ahead_layers);
  EvaluationPlan plan;
  plan.ahead = {1, 2};
  plan.router_control = &control;
  ResidentExperts resident(shape.grid, {shape.grid.size() / 4, shape.top_k},
                           std::make_unique<LruPolicy>(shape.grid));
  std::vector<Predictor*> panel{&predictor};
  ForecastEvaluation evaluation(plan, shape.top_k, 64, panel, resident);
  ReplayCase what;
  what.slabs = shape.grid.size();
  const LiveRow row = session.run(what, {}, &evaluation);
  EXPECT_EQ(evaluation.decode_steps(), row.row.metrics.steps);
  for (std::uint32_t l = 0; l < shape.grid.layers; ++l) {
    EXPECT_EQ(evaluation.control(LayerId{l}).recall_at_k(), 1.0) << "layer " << l;
    EXPECT_EQ(evaluation.control(LayerId{l}).forecasts(), row.row.metrics.steps);
    EXPECT_EQ(evaluation.tally(0, 0, LayerId{l}).recall_at_k().has_value(), l >= 1);
    EXPECT_EQ(evaluation.tally(0, 1, LayerId{l}).recall_at_k().has_value(), l >= 2);
  }
  EXPECT_EQ(evaluation.control().brier(), 0.0);
  const double next = evaluation.within_step(0, 0).recall_at_k().value_or(0);
  const double after = evaluation.within_step(0, 1).recall_at_k().value_or(0);
  EXPECT_LT(next, 1.0);
  EXPECT_GT(next, after);
  EXPECT_GT(after, 2.0 * shape.top_k / shape.grid.experts) << "twice as good as chance";
}

}  // namespace
}  // namespace prophet::testing
