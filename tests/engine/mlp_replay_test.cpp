// A replay is told by the nets on its device what nets on the host would say.
#include <gtest/gtest.h>

#include "runtime/device/sim_device.hpp"
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
    EXPECT_EQ(on_device.prepared, on_device.metrics.steps * mlp_sizes.layers) << "decode steps only";
    EXPECT_EQ(on_device.metrics.outputs_digest, on_host.metrics.outputs_digest);
    expect_same_requests(on_device.metrics, on_host.metrics);
    expect_conserved(on_device.metrics);
  }
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
