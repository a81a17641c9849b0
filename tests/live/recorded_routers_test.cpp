// Routers applied to recorded hidden states say in a replay what they said in the live run, know nothing of
// later layers, and allocate nothing on the step path.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <tuple>
#include <vector>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/lru.hpp"
#include "runtime/device/make_device.hpp"
#include "runtime/engine/live/live_session.hpp"
#include "runtime/engine/live/trace_recorder.hpp"
#include "runtime/engine/recorded_logits.hpp"
#include "runtime/engine/replayed_model.hpp"
#include "runtime/engine/step_loop.hpp"
#include "runtime/trace/load_trace.hpp"
#include "tests/support/allocation_counter.hpp"
#include "tests/support/decoder_fixture.hpp"

namespace prophet::testing {
namespace {

constexpr std::uint32_t ahead_layers = 2;
using Said = std::map<std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>, std::vector<float>>;

/// Passes on to a recorder, and keeps what routers said by row, layer and layers ahead. Of one lane.
class Listener final : public RoutingSink {
 public:
  explicit Listener(TraceRecorder& recorder) : recorder_(recorder) {}
  void on_layer(const RoutedLayer& routed) override {
    recorder_.on_layer(routed);
    if (routed.layer.value == 0) rows_ += routed.tokens.size();
    for (std::uint32_t ahead = 1; ahead <= ahead_layers; ++ahead) {
      const std::span<const float> row = routed.ahead.row(ahead, 0);
      if (!row.empty()) said[{rows_ - 1, routed.layer.value, ahead}].assign(row.begin(), row.end());
    }
  }
  Said said;

 private:
  TraceRecorder& recorder_;
  std::uint64_t rows_ = 0;
};

/// A recording of the sample model with its hidden states as they were.
class RecordedRouters : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    LiveSessionOptions options;
    options.model = live_model("sample");
    options.decode.stops_at_eos = false;
    options.routers_ahead = ahead_layers;
    options.records_hidden = true;
    std::vector<LiveRequest> requests(4);
    for (std::uint32_t r = 0; r < requests.size(); ++r) {
      for (std::uint32_t t = 0; t < 5; ++t) requests[r].prompt.push_back('a' + (7 * r + t * t) % 26);
      requests[r].new_tokens_max = 24;
    }
    LiveSession session(options, requests);
    RecordedShape shape = recorded_shape_of(session.weights().config());
    shape.hidden_size = session.weights().config().architecture.hidden_size;
    shape.hidden_dtype = HiddenDtype::fp32;
    TraceRecorder recorder(shape);
    Listener listener(recorder);
    ReplayCase all;
    all.slabs = shape.grid.size();
    const LiveRow row = session.run(all, {}, &listener);
    recorder.write(path_, {}, requests, row.continuations);
    said_ = std::move(listener.said);
    trace_ = load_trace(path_);
    for (std::uint32_t s = 0; s < trace_.sequences().size(); ++s) sequences_.emplace_back(s);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] RecordedLogits logits(const std::filesystem::path& hidden) const {
    HiddenStatesReader reader(hidden);
    return {reader, HostRouters(live_model("sample")), trace_, sequences_, {ahead_layers, false, 0}};
  }
  [[nodiscard]] std::filesystem::path sidecar() const { return path_.string() + ".hidden"; }

  /// Everything that routers say, by row, layer and layers ahead.
  [[nodiscard]] Said all(const RecordedLogits& logits) const {
    const ExpertGrid& grid = trace_.shape().grid;
    std::vector<float> room(std::size_t{ahead_layers} * grid.experts);
    Said said;
    for (std::uint64_t row = 0; row < trace_.tokens(); ++row) {
      const StepToken token{LaneId{0}, row, false};
      for (std::uint32_t l = 0; l < grid.layers; ++l) {
        const LogitsAhead read = logits.read(LayerId{l}, std::span(&token, 1), ahead_layers, room);
        EXPECT_LE(read.routers(), ahead_layers);
        for (std::uint32_t ahead = 1; ahead <= read.routers(); ++ahead) {
          const std::span<const float> values = read.row(ahead, 0);
          said[{row, l, ahead}].assign(values.begin(), values.end());
        }
      }
    }
    return said;
  }

  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("recorded_routers_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::path path_ = folder_ / "t.ptrace";
  RoutingTrace trace_;
  std::vector<SequenceId> sequences_;
  Said said_;
};

TEST_F(RecordedRouters, SayBitForBitWhatTheLiveModelsSaid) {
  const RecordedLogits recorded = logits(sidecar());
  EXPECT_EQ(recorded.agreement(), 1.0);
  EXPECT_GT(said_.size(), 0U);
  EXPECT_EQ(all(recorded), said_) << "of decode tokens, and of nothing else";
}

TEST_F(RecordedRouters, KnowNothingOfOtherTokensAndLayers) {
  constexpr std::uint64_t changed_row = 17;
  constexpr std::uint32_t changed_layer = 3;
  HiddenStatesReader reader(sidecar());
  const HiddenStatesShape shape = reader.shape();
  HiddenStatesWriter writer(folder_ / "changed", shape);
  HiddenBlock block;
  while (reader.next_block(block)) {
    std::vector<std::byte> values(block.values.begin(), block.values.end());
    const std::size_t row_bytes = std::size_t{shape.hidden} * sizeof(float);
    if (changed_row >= block.first_token && changed_row < block.first_token + block.tokens) {
      const std::size_t at = (changed_row - block.first_token) * shape.layers + changed_layer;
      std::memset(values.data() + at * row_bytes, 0, row_bytes);
    }
    writer.append(values);
  }
  writer.finish();
  const Said changed = all(logits(folder_ / "changed"));
  ASSERT_EQ(changed.size(), said_.size());
  for (const auto& [key, values] : changed) {
    const bool is_its_own = std::get<0>(key) == changed_row && std::get<1>(key) == changed_layer;
    EXPECT_EQ(values != said_.at(key), is_its_own)
        << "row " << std::get<0>(key) << ", layer " << std::get<1>(key);
  }
}

TEST_F(RecordedRouters, AllocateNothingInAnyStep) {
  if (!heap_allocations_are_counted()) GTEST_SKIP() << "a sanitizer watches the heap in this build";
  constexpr std::uint32_t lanes = 2;
  const RecordedLogits recorded = logits(sidecar());
  const auto device = make_device("sim:h100-80gb", {});
  Workload workload = custom_workload(trace_.shape().grid, trace_.shape().top_k, 1U << 20, 1U << 20);
  BatchSchedule steps(trace_, sequences_, {lanes, 0, 4});
  ReplayedModel model(*device, trace_, workload, steps.tokens_max(), 1);
  model.apply_routers_ahead(recorded, ahead_layers, lanes);
  PredictorOptions predicting;
  predicting.grid = workload.grid;
  predicting.top_k = workload.top_k;
  predicting.lanes = lanes;
  predicting.ahead_layers = ahead_layers;
  const auto predictor = make_predictor("gate-ahead", predicting);
  const HostStore store(*device, workload.grid, workload.expert_bytes, nullptr);
  EngineOptions engine;
  engine.cache = {workload.grid.size() / 4, 16};
  engine.prefetch.lookahead_layers = ahead_layers;
  engine.prefetch.width = lanes * workload.top_k;
  StepLoop loop(*device, store, model, engine, std::make_unique<LruPolicy>(workload.grid), predictor.get(),
                steps.tokens_max());
  loop.expect_steps(100);
  std::uint64_t before = 0;
  std::uint64_t done = 0;
  for (; steps.next(); ++done) {
    if (done == 20) before = heap_allocations();
    loop.step(steps.kind(), steps.tokens());
  }
  ASSERT_GT(done, 30U);
  EXPECT_EQ(heap_allocations() - before, 0U);
  EXPECT_GT(loop.finish().routers_ahead, 0U);
}

}  // namespace
}  // namespace prophet::testing
