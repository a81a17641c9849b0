// Prefetch in chunks so small that the host cannot keep the link busy with them: what it costs is known, and
// is at most a percent more than it saves.
#include <gtest/gtest.h>

#include <numeric>
#include <optional>

#include "runtime/device/sim_device.hpp"
#include "runtime/engine/measure_chunks.hpp"
#include "runtime/engine/replay_session.hpp"
#include "runtime/model/gpu_profile.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

constexpr ScenarioOptions sizes{
    .layers = 6, .experts = 32, .top_k = 4, .sequences = 6, .mean_tokens = 60, .expert_bytes = 12'582'912};

double mean_step_ns(const Scenario& scenario, std::uint64_t chunk_bytes, const std::string& predictor) {
  SessionOptions options;
  options.device = "sim:h100-80gb";
  options.chunk_bytes = chunk_bytes;
  ReplaySession session(scenario.trace(), scenario.split(), scenario.workload(), options, nullptr);
  ReplayCase what;
  what.policy = "lfu";
  what.predictor = predictor;
  what.slabs = scenario.workload().grid.size() / 2;
  what.staging_slabs = sizes.top_k;
  const ReplayMetrics metrics = session.run(what).metrics;
  const std::uint64_t sum = std::accumulate(metrics.step_ns.begin(), metrics.step_ns.end(), std::uint64_t{0});
  return static_cast<double>(sum) / static_cast<double>(metrics.steps);
}

TEST(SmallChunks, TakeTheTimeOfTheHostThatHandsThemOver) {
  const GpuProfile profile = load_gpu_profile("h100-80gb");
  const auto device = make_sim_device(profile, {});
  const auto link_ns = [&](double bytes) {
    return bytes / profile.link_bytes_per_s * 1e9 + static_cast<double>(profile.copy_latency_ns);
  };
  const ChunkCost large = measure_chunk_cost(*device, 8U << 20, 2);
  EXPECT_NEAR(large.period_ns, link_ns(8U << 20), 0.02 * large.period_ns) << "the link is never idle";
  const ChunkCost small = measure_chunk_cost(*device, 64U << 10, 2);
  EXPECT_GT(small.period_ns, 2 * link_ns(64U << 10));
  EXPECT_GE(small.period_ns, small.host_ns);
  EXPECT_GT(small.host_ns, 3 * static_cast<double>(profile.host_submit_ns)) << "a copy, an event, a question";
}

TEST(SmallChunks, MakeAPrefetchThatWillBeUsedLoseAPercentToNoneAtMost) {
  const Scenario scenario(sizes);
  const double without = mean_step_ns(scenario, 1U << 20, "none");
  for (const std::uint64_t chunk_kib : {64U, 128U, 256U, 512U, 1024U, 4096U}) {
    EXPECT_LE(mean_step_ns(scenario, chunk_kib << 10, "oracle"), 1.01 * without)
        << "chunks of " << chunk_kib << " KiB";
  }
  EXPECT_LT(mean_step_ns(scenario, 1U << 20, "oracle"), 0.98 * without) << "large chunks gain";
}

}  // namespace
}  // namespace prophet::engine_test
