// What is learned, on one core of the host, for all lanes of one layer, with weights drawn at random.
// Predictor mlp's nets forecast one layer ahead at the sizes of gpt-oss-20b; the counter says what the sim
// takes a core of the H100 profile's host to need for the same. The use model of policy forecast estimates at
// the sizes of the sample model, with and without a hidden layer.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "bench/micro/bench_main.hpp"
#include "kernels/kv_float.hpp"
#include "predictor/mlp/mlp_predictor.hpp"
#include "predictor/mlp/plan_mlp.hpp"
#include "predictor/use_estimator.hpp"
#include "runtime/base/random.hpp"
#include "runtime/device/make_device.hpp"

namespace prophet::micro {
namespace {

constexpr std::uint64_t seed = 1;
constexpr ExpertGrid grid{24, 32};
constexpr std::uint32_t top_k = 4;
constexpr std::uint32_t tokens_before = 16;  ///< of each lane: by then every input group names experts

std::shared_ptr<const MlpModel> drawn_model() {
  Random random(seed);
  MlpModel model = empty_mlp_model(plan_mlp(grid, top_k, {}, learned_parameters_max - use_model_share(grid)));
  const auto draw = [&] { return static_cast<float>(random.uniform() - 0.5); };
  for (auto* const weights : {&model.w1, &model.w2}) {
    for (std::size_t i = 0; i < weights->size(); ++i)
      kernels::store_as(weights->data(), i, kernels::FloatFormat::bf16, draw());
  }
  for (auto* const biases : {&model.b1, &model.b2}) std::generate(biases->begin(), biases->end(), draw);
  return std::make_shared<const MlpModel>(std::move(model));
}

void observe_layer(MlpPredictor& predictor, LayerId layer, std::uint32_t lanes, Random& random) {
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    std::vector<ExpertId> chosen;
    for (std::uint32_t k = 0; k < top_k; ++k)
      chosen.emplace_back(static_cast<std::uint32_t>(random.below(grid.experts / top_k)) * top_k + k);
    predictor.observe(LaneId{lane}, layer, chosen);
  }
}

void forecast(benchmark::State& state) {
  const auto lanes = static_cast<std::uint32_t>(state.range(0));
  Random random(seed);
  const auto sim = make_device("sim:h100-80gb", {});
  MlpPredictor predictor(drawn_model(), {lanes, nullptr, 0, sim.get()});
  for (std::uint32_t lane = 0; lane < lanes; ++lane) predictor.start_lane(LaneId{lane});
  for (std::uint32_t token = 0; token < tokens_before; ++token) {
    for (std::uint32_t l = 0; l < grid.layers; ++l) observe_layer(predictor, LayerId{l}, lanes, random);
  }
  std::vector<float> probability(grid.experts);
  std::uint32_t layer = 0;
  const std::uint64_t before_ns = sim->now_ns();
  for (auto _ : state) {
    state.PauseTiming();
    observe_layer(predictor, LayerId{layer}, lanes, random);
    state.ResumeTiming();
    benchmark::DoNotOptimize(
        predictor.forecast(LayerId{layer}, LayerId{(layer + 1) % grid.layers}, probability));
    layer = (layer + 1) % grid.layers;
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["simulated_ns"] =
      static_cast<double>(sim->now_ns() - before_ns) / static_cast<double>(state.iterations());
}

constexpr ExpertGrid sample{6, 64};
constexpr std::uint32_t sample_top_k = 8;

UseModel drawn_uses(std::uint32_t units) {
  Random random(seed);
  const auto draw = [&] { return static_cast<float>(random.uniform() - 0.5); };
  const std::size_t values = 2 * std::size_t{sample.experts};
  UseModel model;
  model.grid = sample;
  model.top_k = sample_top_k;
  model.source_layers = sample.layers;
  model.popularity.assign(sample.size(),
                          static_cast<float>(sample_top_k) / static_cast<float>(sample.experts));
  model.weights.resize(sample.layers);
  model.bias.resize(sample.size());
  model.matrix.resize(std::size_t{sample.layers} * sample.size() * values);
  model.hidden.units = units;
  model.hidden.w1.resize(sample.layers * use_inputs(sample) * units);
  model.hidden.b1.resize(std::size_t{sample.layers} * units);
  model.hidden.w2.resize(std::size_t{sample.layers} * units * values);
  for (auto* const weights : {&model.matrix, &model.hidden.w1, &model.hidden.w2})
    std::generate(weights->begin(), weights->end(), draw);
  return model;
}

void estimate(benchmark::State& state) {
  const auto lanes = static_cast<std::uint32_t>(state.range(0));
  Random random(seed);
  const UseModel model = drawn_uses(static_cast<std::uint32_t>(state.range(1)));
  UseEstimator estimator(model, lanes);
  std::vector<ExpertId> chosen(sample_top_k);
  std::uint64_t turn = 0;
  const auto observe = [&] {
    const LayerId layer{static_cast<std::uint32_t>(turn++ % sample.layers)};
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      for (std::uint32_t k = 0; k < sample_top_k; ++k)
        chosen[k] = ExpertId{
            static_cast<std::uint32_t>(random.below(sample.experts / sample_top_k)) * sample_top_k + k};
      estimator.observe(LaneId{lane}, layer, chosen);
    }
    return layer;
  };
  for (std::uint32_t l = 0; l < 2 * sample.layers; ++l) (void)estimator.estimate(observe());
  for (auto _ : state) {
    state.PauseTiming();
    const LayerId layer = observe();
    state.ResumeTiming();
    benchmark::DoNotOptimize(estimator.estimate(layer).data());
  }
  state.SetItemsProcessed(state.iterations());
}

}  // namespace

void register_benchmarks() {
  benchmark::RegisterBenchmark("forecast_uses", estimate)->ArgsProduct({{1, 4, 16}, {0, use_hidden_units}});
  benchmark::RegisterBenchmark("forecast_mlp", forecast)->Arg(1)->Arg(4)->Arg(16);
}

}  // namespace prophet::micro
