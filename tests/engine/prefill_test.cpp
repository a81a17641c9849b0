// Promise 10: prefill may bypass the cache so that it does not throw out the decode working set.
#include <gtest/gtest.h>

#include <set>

#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

constexpr ScenarioOptions sizes{.layers = 3,
                                .experts = 12,
                                .top_k = 2,
                                .sequences = 24,
                                .mean_tokens = 12,
                                .prefill_tokens = 48,
                                .train_fraction = 0,
                                .seed = 7};

/// Prompts want experts of the upper half only, decoded tokens of the lower half: what a prompt brings is of
/// no use to the tokens behind it.
Scenario two_halves() {
  const Scenario drawn(sizes);
  const RoutingTrace& trace = drawn.trace();
  TraceShape shape = trace.shape();
  const std::uint32_t half = shape.grid.experts;
  shape.grid.experts *= 2;
  std::vector<std::byte> ids(trace.id_storage().begin(), trace.id_storage().end());
  for (const SequenceInfo& info : trace.sequences()) {
    const std::size_t ids_per_token = std::size_t{shape.grid.layers} * shape.top_k;
    const std::size_t begin = info.first_token * ids_per_token;
    for (std::size_t i = begin; i < begin + info.prefill_tokens * ids_per_token; ++i) {
      ids[i] = static_cast<std::byte>(std::to_integer<std::uint32_t>(ids[i]) + half);
    }
  }
  const std::vector<SequenceInfo> sequences(trace.sequences().begin(), trace.sequences().end());
  return Scenario(RoutingTrace(shape, trace.provenance(), sequences, ids, {}), sizes);
}

/// Which experts are resident after each pass, and what the decode steps met.
struct Outcome {
  std::uint64_t passes_that_changed_the_cache = 0;
  std::uint64_t prefill_passes = 0;
  std::uint64_t decode_requests = 0;
  std::uint64_t decode_misses = 0;
};

Outcome run(bool bypass) {
  const Scenario scenario = two_halves();
  const ExpertGrid grid = scenario.workload().grid;
  Replay how = scenario.middling();
  how.engine.cache = {grid.size() / 2, 4};
  how.engine.bypass_prefill = bypass;
  how.schedule = {2, 0, 16};
  Outcome outcome;
  std::set<std::uint32_t> before;
  LayerCounts seen;
  bool full = false;
  how.after_step = [&](StepLoop& loop, StepKind kind) {
    std::set<std::uint32_t> resident;
    for (std::uint32_t e = 0; e < grid.size(); ++e) {
      if (loop.cache().find(ExpertIndex{e})) resident.insert(e);
    }
    const LayerCounts counts = loop.finish().total;
    if (kind == StepKind::prefill && full) {
      ++outcome.prefill_passes;
      outcome.passes_that_changed_the_cache += resident != before ? 1U : 0U;
    }
    if (kind == StepKind::decode) {
      outcome.decode_requests += counts.requests - seen.requests;
      outcome.decode_misses += counts.miss - seen.miss;
    }
    seen = counts;
    full = resident.size() == how.engine.cache.cache_slabs;
    before = resident;
  };
  const auto device = balanced_sim();
  (void)scenario.replay(*device, how);
  return outcome;
}

TEST(Prefill, ThatBypassesLeavesAFullCacheAsItWas) {
  const Outcome bypassed = run(true);
  EXPECT_GT(bypassed.prefill_passes, 10U);
  EXPECT_EQ(bypassed.passes_that_changed_the_cache, 0U);
}

TEST(Prefill, ThatDoesNotBypassThrowsOutTheDecodeSet) {
  const Outcome cached = run(false);
  EXPECT_GT(cached.passes_that_changed_the_cache, cached.prefill_passes / 2);
}

TEST(Prefill, ThatBypassesLeavesTheDecodeStepsMoreHits) {
  const Outcome bypassed = run(true);
  const Outcome cached = run(false);
  EXPECT_EQ(bypassed.decode_requests, cached.decode_requests);
  EXPECT_LT(bypassed.decode_misses, cached.decode_misses);
}

}  // namespace
}  // namespace prophet::engine_test
