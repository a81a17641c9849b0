// A replay is told by the nets on its device what nets on the host would say.
#include <gtest/gtest.h>

#include "predictor/make_predictor.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/model/gpu_profile.hpp"
#include "tests/engine/mlp_scenario.hpp"

namespace prophet::engine_test {
namespace {

TEST(MlpReplay, HearsTheSameForecastsWhereverTheNetsRun) {
  const Scenario scenario(mlp_sizes);
  const auto model = learned(scenario);
  for (const auto& make : {cpu, balanced_sim}) {
    const auto device = make();
    SCOPED_TRACE(device->info().name);
    const HeardReplay on_host = replay_mlp(scenario, model, *device, nullptr);
    const HeardReplay on_device = replay_mlp(scenario, model, *device, device.get());
    EXPECT_EQ(on_device.forecasts, on_host.forecasts);
    EXPECT_GT(on_device.forecasts.size(), 20U);
    EXPECT_EQ(on_device.prepared, 2 * on_device.metrics.steps * mlp_sizes.layers)
        << "for two layers ahead, in decode steps only";
    EXPECT_EQ(on_device.metrics.outputs_digest, on_host.metrics.outputs_digest);
    expect_same_requests(on_device.metrics, on_host.metrics);
    expect_conserved(on_device.metrics);
  }
}

// What made learned prefetches lose at batch 1: launches and copies on the device's one queue, which a net on
// the host does not need. Where it says so, the run takes the same forecasts and less time.
TEST(MlpReplay, OnTheHostOfASimTakesLessTimeThanOnItsQueue) {
  const Scenario scenario(mlp_sizes);
  PredictorOptions options;
  options.grid = {mlp_sizes.layers, mlp_sizes.experts};
  options.top_k = mlp_sizes.top_k;
  options.lanes = 2;
  options.mlp = learned(scenario);
  const auto total_ns = [&](ForecastOn where) {
    const auto device = make_sim_device(load_gpu_profile("h100-80gb"), {});
    options.device = device.get();
    options.forecast_on = where;
    const std::unique_ptr<Predictor> predictor = make_predictor("mlp", options);
    EXPECT_EQ(predictor->device_bytes() == 0, where != ForecastOn::device);
    Replay how = scenario.middling();
    how.schedule.lanes = 2;
    how.test_predictor = predictor.get();
    return scenario.replay(*device, how).total_ns;
  };
  EXPECT_LT(total_ns(ForecastOn::host), total_ns(ForecastOn::device));
  EXPECT_EQ(total_ns(ForecastOn::automatic), total_ns(ForecastOn::host));
}

TEST(MlpReplay, TakesTimeOnTheSim) {
  const Scenario scenario(mlp_sizes);
  const auto model = learned(scenario);
  GpuProfile profile = balanced_profile();
  profile.launch_latency_ns += 100'000;  // by far the longest of all
  const auto total_ns = [&](bool on_device) {
    const auto device = make_sim_device(profile, {});
    return replay_mlp(scenario, model, *device, on_device ? device.get() : nullptr).metrics.total_ns;
  };
  EXPECT_GT(total_ns(true), total_ns(false));
}

}  // namespace
}  // namespace prophet::engine_test
