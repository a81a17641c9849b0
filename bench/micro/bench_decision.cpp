// What a layer's decision costs the host: evict and schedule, and beside it the forecasts that both follow.
// Wall time of one core; the layers run on the sim device, whose own calls are not counted. 94 layers of 128
// experts, top-8, as Qwen3-235B-A22B has them, half of them in 6,000 slabs.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/micro/bench_main.hpp"
#include "bench/micro/decision_layers.hpp"
#include "kernels/expert_quantise.hpp"
#include "predictor/make_predictor.hpp"
#include "predictor/mlp/plan_mlp.hpp"
#include "predictor/train_use_model.hpp"
#include "runtime/base/random.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/trace/synth.hpp"

namespace prophet::micro {
namespace {

constexpr const char* model_name = "qwen3-235b-a22b";
constexpr std::uint32_t slabs = 6000;
constexpr std::uint64_t steps_before = 10;
constexpr std::int64_t steps_timed = 20;
constexpr std::uint64_t seed = 1;

/// What all cases share. Drawn routing, and what was learnt of a part of it.
struct Inputs {
  Workload workload = real_workload(load_model(model_name), Dtype::mxfp4);
  RoutingTrace trace = drawn_routing(workload);
  SequenceSplit split = split_sequences(trace, 0, 0.2, seed);
  UseModel use_model = train_use_model(TrainingSet("forecast", learner()), {.epochs = 1, .seed = seed});
  std::shared_ptr<const MlpModel> mlp = untrained_mlp();

  [[nodiscard]] PredictorOptions learner() const {
    PredictorOptions options;
    options.grid = workload.grid;
    options.top_k = workload.top_k;
    options.trace = &trace;
    options.training = split.train;
    return options;
  }

  static RoutingTrace drawn_routing(const Workload& workload) {
    SynthOptions options;
    options.layers = workload.grid.layers;
    options.experts = workload.grid.experts;
    options.top_k = workload.top_k;
    options.sequences = 40;
    options.mean_sequence_tokens = 60;
    return synthesise(options);
  }

  /// What the nets would say does not change what they cost; the prefetches of the cases follow `transition`.
  [[nodiscard]] std::shared_ptr<const MlpModel> untrained_mlp() const {
    const std::size_t for_nets = learned_parameters_max - use_model_share(workload.grid);
    MlpModel model = empty_mlp_model(plan_mlp(workload.grid, workload.top_k, {}, for_nets));
    Random random(seed);
    for (std::vector<std::uint16_t>* weights : {&model.w1, &model.w2}) {
      for (std::uint16_t& weight : *weights)
        weight = kernels::encode_bf16(static_cast<float>(random.uniform() - 0.5));
    }
    return std::make_shared<const MlpModel>(std::move(model));
  }
};

const Inputs& inputs() {
  static const Inputs all;
  return all;
}

std::unique_ptr<Predictor> predictor_of(const std::string& name, std::uint32_t batch) {
  PredictorOptions options = inputs().learner();
  options.lanes = batch;
  options.mlp = inputs().mlp;
  return make_predictor(name, options);
}

std::uint64_t median(std::span<std::uint64_t> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// An iteration is a step, and its time that of the step's median layer: one that the machine interrupts
/// does not count.
void time_parts(benchmark::State& state, const std::string& predictor, std::span<const Part> parts) {
  const auto batch = static_cast<std::uint32_t>(state.range(0));
  const std::unique_ptr<Predictor> forecaster = predictor_of(predictor, batch);
  DecisionLayers layers(
      {inputs().trace, inputs().split.test, inputs().workload, inputs().use_model, *forecaster, batch, slabs},
      steps_before);
  const std::uint64_t prefetches_before = layers.prefetches();
  std::vector<std::uint64_t> spent_ns(inputs().workload.grid.layers);
  for (auto _ : state) {
    for (std::uint64_t& of_layer_ns : spent_ns) {
      layers.run_layer();
      of_layer_ns = 0;
      for (const Part part : parts) of_layer_ns += layers.spent_ns(part);
    }
    state.SetIterationTime(1e-9 * static_cast<double>(median(spent_ns)));
  }
  const auto per_layer = [&](std::uint64_t count) {
    return static_cast<double>(count) / static_cast<double>(layers.counts().layers);
  };
  state.counters["clock_ns"] = static_cast<double>(layers.reading_ns());
  state.counters["wanted"] = per_layer(layers.counts().wanted);
  state.counters["missed"] = per_layer(layers.counts().missed);
  state.counters["prefetched"] = per_layer(layers.prefetches() - prefetches_before);
}

void register_parts(const std::string& name, const std::string& predictor, std::vector<Part> parts) {
  benchmark::RegisterBenchmark(
      (name + "/128_experts/6000_slabs/batch").c_str(),
      [predictor, parts = std::move(parts)](benchmark::State& state) { time_parts(state, predictor, parts); })
      ->Arg(1)
      ->Arg(16)
      ->Iterations(steps_timed)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace

void register_benchmarks() {
  register_parts("decision", "transition", {Part::evict, Part::schedule});
  register_parts("decision_evict", "transition", {Part::evict});
  register_parts("decision_schedule", "transition", {Part::schedule});
  register_parts("forecast_use_model", "transition", {Part::use_model});
  for (const std::string predictor : {"previous-token", "transition", "mlp"})
    register_parts("forecast_" + predictor, predictor, {Part::predictor});
}

}  // namespace prophet::micro
