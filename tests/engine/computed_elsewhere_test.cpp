// Misses that are not copied: what they count, move and leave in the cache, and that nobody sees it in the
// outputs.
#include <gtest/gtest.h>

#include "runtime/device/cpu_device.hpp"
#include "runtime/device/sim_device.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

constexpr ScenarioOptions sizes{
    .layers = 3, .experts = 12, .top_k = 3, .sequences = 8, .mean_tokens = 8, .prefill_tokens = 5};

Replay replay(const Scenario& scenario, MissMode mode, std::uint32_t lanes = 2) {
  Replay how = scenario.middling();
  how.schedule = {lanes, 0, 4};
  how.engine.miss.mode = mode;
  how.engine.miss.tokens_max = lanes;
  return how;
}

LayerCounts decode_counts(const ReplayMetrics& metrics) {
  return metrics.decode().requests;
}

TEST(ComputedElsewhere, OutputsAreTheSameBitsHoweverMissesAreMet) {
  const Scenario scenario(sizes);
  const std::uint64_t expected = scenario.replay(*cpu(), replay(scenario, MissMode::copy)).outputs_digest;
  EXPECT_NE(expected, 0U);
  for (const MissMode mode : {MissMode::host, MissMode::in_place, MissMode::automatic}) {
    for (const char* predictor : {"none", "previous-token"}) {
      for (const CacheSize size : {CacheSize{1, 0}, CacheSize{6, 2}, CacheSize{20, 3}}) {
        for (const double link_bytes_per_s : {0.0, 100e6}) {
          Replay how = replay(scenario, mode);
          how.predictor = predictor;
          how.engine.cache = size;
          const auto device = make_cpu_device({0, link_bytes_per_s});
          const ReplayMetrics metrics = scenario.replay(*device, how);
          expect_conserved(metrics);
          EXPECT_EQ(metrics.outputs_digest, expected)
              << miss_mode_name(mode) << ", " << predictor << ", " << size.cache_slabs << " slabs";
        }
      }
    }
  }
}

TEST(ComputedElsewhere, OutputsAreTheSameBitsWithHoweverManyHostCores) {
  ScenarioOptions large = sizes;
  large.expert_bytes = 1U << 20;  // several parts each
  large.mean_tokens = 4;
  const Scenario scenario(large);
  const std::uint64_t expected = scenario.replay(*cpu(), replay(scenario, MissMode::copy)).outputs_digest;
  for (const MissMode mode : {MissMode::host, MissMode::automatic}) {
    for (const std::uint32_t cores : {1U, 2U, 5U}) {
      const auto device = make_cpu_device({0, 0, cores});
      const ReplayMetrics metrics = scenario.replay(*device, replay(scenario, mode));
      EXPECT_TRUE(metrics.total.host > 0 || mode == MissMode::automatic);
      EXPECT_EQ(metrics.outputs_digest, expected) << miss_mode_name(mode) << ", " << cores << " cores";
    }
  }
}

TEST(ComputedElsewhere, OnTheHostNothingIsCopiedInDecodeSteps) {
  const Scenario scenario(sizes);
  for (const MissMode mode : {MissMode::host, MissMode::in_place}) {
    const ReplayMetrics metrics = scenario.replay(*balanced_sim(), replay(scenario, mode));
    const LayerCounts counts = decode_counts(metrics);
    EXPECT_EQ(counts.miss, 0U);
    EXPECT_GT(mode == MissMode::host ? counts.host : counts.in_place, 0U);
    EXPECT_EQ(mode == MissMode::host ? counts.in_place : counts.host, 0U);
    EXPECT_EQ(metrics.decode().bytes.copied, 0U);
    EXPECT_EQ(metrics.bytes.fill, 0U);
    EXPECT_EQ(metrics.prefill.requests.host + metrics.prefill.requests.in_place, 0U) << "prompts copy";
    expect_conserved(metrics);
  }
}

TEST(ComputedElsewhere, ActivationsAreCountedByTheRow) {
  ScenarioOptions one = sizes;
  one.prefill_tokens = 0;
  const Scenario scenario(one);
  Replay how = replay(scenario, MissMode::host, 1);
  const ReplayMetrics metrics = scenario.replay(*balanced_sim(), how);
  const std::uint64_t row_bytes = scenario.workload().hidden_size * sizeof(float);
  // With one lane each expert has one row: one result each, and one row down for each layer with any.
  const std::uint64_t rows = metrics.activation_bytes / row_bytes;
  EXPECT_EQ(metrics.activation_bytes % row_bytes, 0U);
  EXPECT_GE(rows, metrics.total.host + metrics.total.host / 3);
  EXPECT_LE(rows, 2 * metrics.total.host);
}

TEST(ComputedElsewhere, AStepOfMoreTokensCopies) {
  const Scenario scenario(sizes);
  Replay how = replay(scenario, MissMode::host);
  how.engine.miss.tokens_max = 1;  // its steps have two
  how.schedule.steps = 3;
  const ReplayMetrics metrics = scenario.replay(*balanced_sim(), how);
  EXPECT_EQ(metrics.total.host, 0U);
  EXPECT_GT(metrics.total.miss, 0U);
}

/// A host that is four times as quick as the link.
GpuProfile quick_host() {
  GpuProfile profile = balanced_profile();
  profile.host_cores = 8;
  profile.host_memory_bytes_per_s = 4 * profile.link_bytes_per_s;
  profile.host_flops_per_s = 1e15;
  profile.zero_copy_bytes_per_s = 0.6 * profile.link_bytes_per_s;
  profile.host_wake_ns = 20;
  return profile;
}

TEST(ComputedElsewhere, WhatTheHostComputedIsThereTheNextTime) {
  const Scenario scenario(
      {.layers = 4, .experts = 16, .top_k = 3, .sequences = 6, .mean_tokens = 40, .expert_bytes = 1U << 16});
  Replay how = replay(scenario, MissMode::automatic, 1);
  const ReplayMetrics filled = scenario.replay(*make_sim_device(quick_host(), {}), how);
  how.engine.miss.fills_queued_max = 0;
  const ReplayMetrics never = scenario.replay(*make_sim_device(quick_host(), {}), how);
  expect_conserved(filled);
  expect_conserved(never);
  EXPECT_GT(filled.total.host, 0U);
  EXPECT_GT(filled.bytes.fill, 0U);
  EXPECT_EQ(never.bytes.fill, 0U);
  EXPECT_GT(filled.total.hit_on_time + filled.total.hit_late, never.total.hit_on_time + never.total.hit_late);
}

TEST(ComputedElsewhere, TheChoiceIsNoSlowerThanAnyOneWayByMuch) {
  const Scenario scenario(
      {.layers = 4, .experts = 16, .top_k = 3, .sequences = 6, .mean_tokens = 40, .expert_bytes = 1U << 16});
  for (const double host_times_link : {0.25, 1.0, 4.0, 16.0}) {
    GpuProfile profile = quick_host();
    profile.host_memory_bytes_per_s = host_times_link * profile.link_bytes_per_s;
    const auto total_ns = [&](MissMode mode) {
      return scenario.replay(*make_sim_device(profile, {}), replay(scenario, mode, 2)).total_ns;
    };
    const std::uint64_t chosen = total_ns(MissMode::automatic);
    for (const MissMode mode : {MissMode::copy, MissMode::host, MissMode::in_place}) {
      EXPECT_LT(static_cast<double>(chosen), 1.05 * static_cast<double>(total_ns(mode)))
          << miss_mode_name(mode) << ", host " << host_times_link << " times the link";
    }
  }
}

TEST(ComputedElsewhere, IsAsDeterministicAsTheSim) {
  const Scenario scenario(sizes);
  const Replay how = replay(scenario, MissMode::automatic);
  const ReplayMetrics one = scenario.replay(*make_sim_device(quick_host(), {}), how);
  const ReplayMetrics two = scenario.replay(*make_sim_device(quick_host(), {}), how);
  EXPECT_EQ(one.total_ns, two.total_ns);
  EXPECT_EQ(one.total.host, two.total.host);
  EXPECT_EQ(one.bytes, two.bytes);
}

}  // namespace
}  // namespace prophet::engine_test
