#include <gmock/gmock.h>

#include "tests/device/sim/sim_fixture.hpp"

namespace prophet::sim_test {
namespace {

using testing::ElementsAre;

std::vector<std::uint64_t> tags_by_start(const Sim& sim, StreamRole but_not) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> starts;
  for (const TimelineSpan& span : sim.log.spans) {
    if (span.role != but_not) starts.emplace_back(span.start_ns, span.tag);
  }
  std::sort(starts.begin(), starts.end());
  std::vector<std::uint64_t> tags;
  for (const auto& [start, tag] : starts) tags.push_back(tag);
  return tags;
}

TEST(SimTiming, EachOperationTakesItsLatencyAndTheLargerOfMemoryAndArithmetic) {
  GpuProfile profile = plain_profile();
  profile.copy_latency_ns = 7;
  profile.launch_latency_ns = 3;
  Sim sim(profile);
  sim.up(sim.demand, 0, 1000);
  sim.device->synchronize();
  EXPECT_EQ(sim.device->now_ns(), 1007U);
  sim.device->copy(sim.demand, sim.host.slice(0, 1000), sim.arena.slice(0, 1000), 0);
  sim.device->synchronize();
  EXPECT_EQ(sim.device->now_ns(), 1007U + 2007U);  // down, at half the rate
  sim.device->copy(sim.demand, sim.arena.slice(10'000, 1000), sim.arena.slice(0, 1000), 0);
  sim.device->synchronize();
  EXPECT_EQ(sim.device->now_ns(), 3014U + 207U);  // within memory: read and written
  ExpertOp op = sim.expert(0, 9996);
  sim.device->launch(sim.compute, op, 0);
  sim.device->synchronize();
  EXPECT_EQ(sim.device->now_ns(), 3221U + 1003U);  // 9996 bytes of weights and 4 of activations
  op.flops = 5'000'000;
  sim.device->launch(sim.compute, op, 0);
  sim.device->synchronize();
  EXPECT_EQ(sim.device->now_ns(), 4224U + 5003U);
}

TEST(SimTiming, WhatTheHostComputesTakesOneOfItsCores) {
  GpuProfile profile = plain_profile();
  profile.host_cores = 4;
  profile.host_memory_bytes_per_s = 8e9;  // 2 bytes a nanosecond for each core
  profile.host_flops_per_s = 40e9;        // 10
  Sim sim(profile);
  sim.device->host_computed({600, 1000});
  EXPECT_EQ(sim.device->now_ns(), 300U) << "bytes";
  sim.device->host_computed({600, 5000});
  EXPECT_EQ(sim.device->now_ns(), 800U) << "arithmetic";
}

TEST(SimTiming, WhatTheHostComputesDoesNotHoldUpTheDevice) {
  GpuProfile profile = plain_profile();
  profile.host_cores = 1;
  profile.host_memory_bytes_per_s = 1e9;
  Sim sim(profile);
  sim.up(sim.demand, 0, 1000);
  sim.device->host_computed({600, 0});
  sim.device->synchronize();
  EXPECT_EQ(sim.device->now_ns(), 1000U) << "as without it";
}

TEST(SimTiming, AForecastTakesTwoLaunchesAndItsBytes) {
  GpuProfile profile = plain_profile();
  profile.launch_latency_ns = 50;
  Sim sim(profile);
  PredictOp op;
  op.w1 = sim.arena.slice(0, 2 * 4 * 8 * 2);
  op.b1 = sim.arena.slice(1024, 8 * 4);
  op.w2 = sim.arena.slice(2048, 4 * 8 * 2);
  op.b2 = sim.arena.slice(3072, 4 * 4);
  op.ids = sim.arena.slice(4096, 2 * 3 * 4);
  op.logits = sim.output.slice(0, 8 * 4);
  op.groups = 2;
  op.ids_per_group = 3;
  op.experts = 4;
  op.hidden = 8;
  op.lanes = 1;
  sim.device->launch(sim.compute, op, 0);
  sim.device->synchronize();
  // 6 rows of w1 and 4 of w2, 16 bytes each, at ten bytes a nanosecond.
  EXPECT_EQ(sim.device->now_ns(), 2 * 50U + 16U);
}

TEST(SimTiming, AProductTakesALaunchAndItsBytes) {
  GpuProfile profile = plain_profile();
  profile.launch_latency_ns = 50;
  Sim sim(profile);
  LinearOp op;
  op.weights = {sim.arena.slice(0, 10 * 20 * 2), kernels::FloatFormat::bf16, 10, 20};
  op.input = sim.arena.slice(1024, 3 * 20 * 4);
  op.output = sim.output.slice(0, 3 * 10 * 4);
  op.tokens = 3;
  sim.device->launch(sim.compute, op, 0);
  sim.device->synchronize();
  // 400 bytes of weights and 240 of inputs, at ten bytes a nanosecond.
  EXPECT_EQ(sim.device->now_ns(), 50U + 64U);
}

TEST(SimTiming, IndependentStreamsOverlapAndDependentOnesDoNot) {
  Sim sim;
  sim.up(sim.demand, 0, 1000);
  sim.work(600, 1);
  sim.device->synchronize();
  EXPECT_EQ(sim.device->now_ns(), 1000U);
  sim.up(sim.demand, 0, 1000);
  sim.order(sim.demand, sim.compute);
  sim.work(600, 2);
  sim.device->synchronize();
  EXPECT_EQ(sim.device->now_ns(), 1000U + 1600U);
}

TEST(SimTiming, BlockedTimeIsTheOverlapThatIsMissing) {
  GpuProfile profile = plain_profile();
  profile.event_latency_ns = 5;
  Sim sim(profile);
  sim.up(sim.demand, 0, 1000);
  const EventId copied = sim.mark(sim.demand);
  sim.work(400, 1);
  sim.device->wait(sim.compute, copied);
  sim.work(100, 2);
  sim.device->synchronize();
  EXPECT_EQ(sim.span("dense", 2).start_ns, 1005U);
  const TimelineSpan wait = sim.span("wait");
  EXPECT_EQ(wait.start_ns, 400U);
  EXPECT_EQ(wait.end_ns, 1005U);
  const StreamTimes times = sim.device->times(sim.compute);
  EXPECT_EQ(times.busy_ns, 500U);
  EXPECT_EQ(times.blocked_ns, 605U);
}

TEST(SimTiming, AWaitForWhatIsAlreadyCompleteCostsNothing) {
  GpuProfile profile = plain_profile();
  profile.event_latency_ns = 5;
  Sim sim(profile);
  sim.up(sim.demand, 0, 300);
  const EventId copied = sim.mark(sim.demand);
  sim.work(400, 1);
  sim.device->wait(sim.compute, copied);
  sim.work(100, 2);
  sim.device->synchronize();
  EXPECT_EQ(sim.span("dense", 2).start_ns, 400U);
  EXPECT_EQ(sim.device->times(sim.compute).blocked_ns, 0U);
}

TEST(SimTiming, DemandOvertakesQueuedPrefetchAndWaitsForOneChunkAtMost) {
  GpuProfile profile = plain_profile();
  profile.host_submit_ns = 50;
  Sim sim(profile);
  for (std::uint64_t chunk = 0; chunk < 8; ++chunk) {
    sim.up(sim.prefetch, chunk * 1000, 1000, 1 + chunk);  // the first begins at 50
  }
  sim.up(sim.demand, 50'000, 500, 100);  // submitted at 450, while the first chunk runs
  sim.device->synchronize();
  EXPECT_EQ(sim.span("copy", 100).start_ns, 1050U);
  EXPECT_EQ(sim.span("copy", 2).start_ns, 1550U);
}

TEST(SimTiming, OfEqualsTheFirstSubmittedGoesFirst) {
  Sim sim;
  const StreamId other = sim.device->create_stream(StreamRole::prefetch_copy);
  sim.work(10, 0);
  sim.order(sim.compute, other);
  sim.order(sim.compute, sim.prefetch);
  sim.up(other, 0, 100, 1);
  sim.up(sim.prefetch, 20'000, 100, 2);
  sim.up(sim.prefetch, 30'000, 100, 3);
  sim.up(other, 10'000, 100, 4);
  sim.device->synchronize();
  sim.log.spans.erase(std::remove_if(sim.log.spans.begin(), sim.log.spans.end(),
                                     [](const TimelineSpan& span) { return span.bytes != 100; }),
                      sim.log.spans.end());
  EXPECT_THAT(tags_by_start(sim, StreamRole::compute), ElementsAre(1, 2, 3, 4));
}

TEST(SimTiming, ComputeAndCopySlowEachOtherOnlyWhileBothRun) {
  GpuProfile profile = plain_profile();
  profile.compute_rate_while_copying = 0.5;
  profile.copy_rate_while_computing = 0.25;
  Sim sim(profile);
  sim.up(sim.demand, 0, 1000, 1);
  sim.work(200, 2);
  sim.device->synchronize();
  // Together for 400 ns: the work is done, and 100 bytes are copied; the other 900 go at the full rate.
  EXPECT_EQ(sim.span("dense", 2).end_ns, 400U);
  EXPECT_EQ(sim.span("copy", 1).end_ns, 1300U);
  // The way down shares nothing with compute.
  sim.log.spans.clear();
  sim.device->copy(sim.demand, sim.host.slice(0, 100), sim.arena.slice(0, 100), 3);
  sim.work(100, 4);
  sim.device->synchronize();
  EXPECT_EQ(sim.span("copy", 3).end_ns, 1500U);
  EXPECT_EQ(sim.span("dense", 4).end_ns, 1400U);
}

TEST(SimTiming, TheHostPaysForSubmissionsPollsAndWaking) {
  GpuProfile profile = plain_profile();
  profile.host_submit_ns = 10;
  profile.host_wake_ns = 25;
  Sim sim(profile);
  sim.up(sim.demand, 0, 1000, 1);
  EXPECT_EQ(sim.device->now_ns(), 10U);
  const EventId copied = sim.mark(sim.demand);
  EXPECT_EQ(sim.device->now_ns(), 20U);
  EXPECT_FALSE(sim.device->done(copied));
  EXPECT_EQ(sim.device->now_ns(), 30U);
  sim.device->synchronize(copied);
  EXPECT_EQ(sim.span("copy", 1).start_ns, 10U);
  EXPECT_EQ(sim.device->now_ns(), 1010U + 25U);
  sim.device->synchronize(copied);  // nothing left to wait for
  EXPECT_EQ(sim.device->now_ns(), 1045U);
  EXPECT_TRUE(sim.device->done(copied));
  EXPECT_EQ(sim.device->now_ns(), 1055U);
  sim.work(1, 2);
  sim.device->synchronize();
  EXPECT_EQ(sim.span("dense", 2).start_ns, 1065U) << "nothing begins before it is submitted";
}

TEST(SimTiming, PollingMakesProgressEvenWhereItIsFree) {
  Sim sim;
  sim.up(sim.demand, 0, 1000);
  const EventId copied = sim.mark(sim.demand);
  int polls = 1;
  while (!sim.device->done(copied)) ++polls;
  EXPECT_EQ(polls, 1000);
}

TEST(SimTiming, WaitAnyReturnsTheEarliestCompletion) {
  Sim sim;
  sim.work(500);
  const EventId worked = sim.mark(sim.compute);
  sim.up(sim.demand, 0, 300);
  const EventId first = sim.mark(sim.demand);
  sim.up(sim.demand, 0, 300);
  const EventId second = sim.mark(sim.demand);
  const EventId events[] = {second, worked, first};
  EXPECT_EQ(sim.device->wait_any(events), 2U);
  EXPECT_EQ(sim.device->now_ns(), 300U);
  EXPECT_EQ(sim.device->wait_any(std::span(events).first(2)), 1U);
  EXPECT_EQ(sim.device->now_ns(), 500U);
  const EventId unrecorded = sim.device->create_event();
  const EventId either[] = {second, unrecorded};
  EXPECT_EQ(sim.device->wait_any(either), 1U);
  EXPECT_EQ(sim.device->now_ns(), 500U);
}

std::uint64_t hash_of_times(double jitter_fraction, std::uint64_t seed) {
  Sim sim(plain_profile(), {jitter_fraction, seed, true});
  for (std::uint64_t step = 0; step < 50; ++step) {
    sim.order(sim.compute, sim.demand);
    sim.up(sim.demand, 0, 900, step);
    sim.up(sim.prefetch, 20'000, 700, step);
    sim.order(sim.demand, sim.compute);
    sim.device->launch(sim.compute, sim.expert(0, 900), step);
  }
  sim.device->synchronize();
  std::uint64_t hash = sim.device->now_ns();
  for (const TimelineSpan& span : sim.log.spans) {
    for (const std::uint64_t part : {span.start_ns, span.end_ns, span.tag})
      hash = hash * 0x100000001b3ULL ^ part;
  }
  return hash;
}

TEST(SimTiming, TheSameCallsAndSeedGiveTheSameTimes) {
  EXPECT_EQ(hash_of_times(0, 1), hash_of_times(0, 2)) << "a seed without jitter changes nothing";
  EXPECT_EQ(hash_of_times(0.3, 7), hash_of_times(0.3, 7));
  EXPECT_NE(hash_of_times(0.3, 7), hash_of_times(0.3, 8));
}

TEST(SimTiming, JitterStretchesEachOperationWithinItsBounds) {
  Sim sim(plain_profile(), {0.5, 3, true});
  for (std::uint64_t i = 0; i < 200; ++i) sim.up(sim.demand, 0, 1000, i);
  sim.device->synchronize();
  std::uint64_t shortest_ns = ~0ULL;
  std::uint64_t longest_ns = 0;
  for (const TimelineSpan& span : sim.log.spans) {
    shortest_ns = std::min(shortest_ns, span.end_ns - span.start_ns);
    longest_ns = std::max(longest_ns, span.end_ns - span.start_ns);
  }
  EXPECT_GE(shortest_ns, 1000U);
  EXPECT_LT(shortest_ns, 1050U);
  EXPECT_LE(longest_ns, 1500U);
  EXPECT_GT(longest_ns, 1450U);
}

}  // namespace
}  // namespace prophet::sim_test
