// A replay on the cuda device counts what it counts on the cpu: on the test vehicle where the build is one,
// else on the GPU.
#include <gtest/gtest.h>

#include <optional>

#include "prophet/error.hpp"
#include "runtime/device/cuda_device.hpp"
#include "tests/engine/cuda/on_cuda_device.hpp"
#include "tests/engine/scenario.hpp"
#ifdef PROPHET_CUDA_ON_CPU
#include "tests/cuda_on_cpu/control.hpp"
#endif

namespace prophet::engine_test {
namespace {

constexpr ScenarioOptions sizes{
    .layers = 3, .experts = 10, .top_k = 3, .sequences = 6, .mean_tokens = 5, .prefill_tokens = 4};

class CudaReplay : public OnCudaDevice {
 protected:
  void expect_as_on_the_cpu(const Scenario& scenario, const Replay& how) {
    const auto real = cpu();
    const ReplayMetrics expected = scenario.replay(*real, how);
    const ReplayMetrics found = scenario.replay(*device_, how);
    expect_same_requests(found, expected);
    EXPECT_EQ(found.total.hit_on_time, expected.total.hit_on_time);
    EXPECT_EQ(found.total.hit_late, 0U);
    EXPECT_EQ(found.total.miss, expected.total.miss);
    EXPECT_EQ(found.bytes, expected.bytes);
    EXPECT_EQ(found.rounds_extra, expected.rounds_extra);
    // Every leased slab was compared with the host store's checksum on the device.
    EXPECT_EQ(found.slabs_verified, expected.slabs_verified);
    EXPECT_GT(found.slabs_verified, 0U);
  }
};

TEST_F(CudaReplay, WithoutPrefetchCountsWhatTheCpuCounts) {
  const Scenario scenario(sizes);
  for (const CacheSize size : {CacheSize{2, 3}, CacheSize{12, 0}, CacheSize{30, 0}}) {
    Replay how = scenario.middling();
    how.engine.cache = size;
    expect_as_on_the_cpu(scenario, how);
  }
  Replay batch = scenario.middling();
  batch.policy = "lfu";
  batch.schedule.lanes = 3;
  expect_as_on_the_cpu(scenario, batch);
}

TEST_F(CudaReplay, OutputsDependOnNeitherCacheNorPrefetch) {
  const Scenario scenario(sizes);
  Replay resident = scenario.middling();
  resident.engine.cache = {scenario.workload().grid.size(), 0};
  resident.preload = true;
  const std::uint64_t expected = scenario.replay(*device_, resident).outputs_digest;
  EXPECT_NE(expected, 0U);
  for (const char* predictor : {"none", "previous-token", "oracle"}) {
    Replay how = scenario.middling();
    how.predictor = predictor;
    how.engine.transfer.shuffle_chunks = true;
    const ReplayMetrics found = scenario.replay(*device_, how);
    EXPECT_EQ(found.outputs_digest, expected) << predictor;
    expect_conserved(found);
  }
}

TEST_F(CudaReplay, MissesComputedElsewhereGiveWhatCopiedOnesGive) {
  const Scenario scenario(sizes);
  Replay how = scenario.middling();
  how.schedule.lanes = 2;
  const std::uint64_t copied = scenario.replay(*device_, how).outputs_digest;
  how.engine.miss.tokens_max = 2;
  how.engine.miss.mode = MissMode::in_place;
  const ReplayMetrics in_place = scenario.replay(*device_, how);
  expect_conserved(in_place);
  EXPECT_GT(in_place.total.in_place, 0U);
  EXPECT_EQ(in_place.outputs_digest, copied) << "the same kernel on the same bytes";
  for (const MissMode mode : {MissMode::host, MissMode::automatic}) {
    how.engine.miss.mode = mode;
    const ReplayMetrics found = scenario.replay(*device_, how);
    expect_conserved(found);
    EXPECT_EQ(found.total.requests, in_place.total.requests);
    EXPECT_NE(found.outputs_digest, 0U);
    EXPECT_TRUE(found.total.host > 0 || mode == MissMode::automatic);
  }
}

TEST_F(CudaReplay, TheHostsCoresTogetherGiveTheBitsOfOne) {
  ScenarioOptions large = sizes;
  large.expert_bytes = 1U << 20;  // several parts each
  large.sequences = 3;
  const Scenario scenario(large);
  Replay how = scenario.middling();
  how.engine.miss.mode = MissMode::host;
  how.engine.miss.tokens_max = 1;
  how.schedule.steps = 3;
  std::optional<std::uint64_t> expected;
  for (const std::uint32_t cores : {1U, 4U}) {
    CudaOptions options;
    options.host_cores = cores;
    const auto device = make_cuda_device(options);
    const ReplayMetrics found = scenario.replay(*device, how);
    EXPECT_GT(found.total.host, 0U);
    if (!expected) expected = found.outputs_digest;
    EXPECT_EQ(found.outputs_digest, *expected) << cores << " cores";
  }
}

/// Batches and prefill passes in which experts have rows on both sides of the crossover.
class CudaReplayOfManyTokens : public CudaReplay {
 protected:
  static constexpr ScenarioOptions batch{
      .layers = 2, .experts = 4, .top_k = 2, .sequences = 20, .mean_tokens = 3, .prefill_tokens = 9};

  /// Only the vehicle can tell.
  static void expect_products_by_cublas() {
#ifdef PROPHET_CUDA_ON_CPU
    const auto calls = cuda_on_cpu::calls();
    EXPECT_TRUE(calls.contains("cublasGemmGroupedBatchedEx"));
    EXPECT_FALSE(calls.contains("cublasOwnWorkspace"));
#endif
  }
  [[nodiscard]] static Replay wide(const Scenario& scenario) {
    Replay how = scenario.middling();
    how.schedule.lanes = 12;
    return how;
  }
};

TEST_F(CudaReplayOfManyTokens, CountsWhatTheCpuCounts) {
  const Scenario scenario(batch);
  for (const CacheSize size : {CacheSize{1, 1}, CacheSize{3, 2}, CacheSize{8, 0}}) {
    Replay how = wide(scenario);
    how.engine.cache = size;
    expect_as_on_the_cpu(scenario, how);
  }
}

TEST_F(CudaReplayOfManyTokens, OutputsDependOnNeitherCacheNorPrefetch) {
  const Scenario scenario(batch);
  Replay resident = wide(scenario);
  resident.engine.cache = {scenario.workload().grid.size(), 0};
  resident.preload = true;
  const std::uint64_t expected = scenario.replay(*device_, resident).outputs_digest;
  expect_products_by_cublas();
  for (const char* predictor : {"none", "oracle"}) {
    for (const CacheSize size : {CacheSize{1, 1}, CacheSize{3, 2}}) {
      Replay how = wide(scenario);
      how.predictor = predictor;
      how.engine.cache = size;
      EXPECT_EQ(scenario.replay(*device_, how).outputs_digest, expected)
          << predictor << ", " << size.cache_slabs << " slabs";
    }
  }
}

TEST_F(CudaReplay, SaysWhatBecameOfItsMemory) {
  const Scenario scenario(sizes);
  CudaMemoryReport during;
  static_cast<void>(
      scenario.replay(*device_, scenario.middling(), [&] { during = device_->memory_report(); }));
  EXPECT_GT(during.device_bytes, 0U);
  EXPECT_GT(during.pinned_bytes, 0U);
  EXPECT_LT(during.pinned_excess_bytes, 16U << 10);  // four buffers of less than 2 MiB, a page each at most
  EXPECT_GT(during.register_ns, 0U);
  EXPECT_FALSE(during.numa.empty());
  EXPECT_EQ(device_->memory_report().device_bytes, 0U);
  EXPECT_EQ(device_->memory_report().pinned_bytes, 0U);
}

}  // namespace
}  // namespace prophet::engine_test
