// Promise 11: with the cache on, off, or all-resident, the outputs are the same bits.
#include <gtest/gtest.h>

#include "predictor/make_predictor.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/cpu_device.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

class BitIdentity : public testing::Test {
 protected:
  BitIdentity()
      : scenario_(
            {.layers = 3, .experts = 8, .top_k = 3, .sequences = 8, .mean_tokens = 6, .prefill_tokens = 5}) {
    Replay resident = replay();
    resident.engine.cache = {scenario_.workload().grid.size(), 0};
    resident.preload = true;
    const ReplayMetrics metrics = run(resident);
    EXPECT_EQ(metrics.total.miss, 0U);
    EXPECT_NE(metrics.outputs_digest, 0U);
    all_resident_ = metrics.outputs_digest;
  }

  [[nodiscard]] Replay replay() const {
    Replay how = scenario_.middling();
    how.schedule = {2, 0, 4};
    return how;
  }
  [[nodiscard]] ReplayMetrics run(const Replay& how, double link_bytes_per_s = 0) const {
    const auto device = make_cpu_device({0, link_bytes_per_s});
    return scenario_.replay(*device, how);
  }
  void expect_same(const Replay& how, double link_bytes_per_s = 0) const {
    const ReplayMetrics metrics = run(how, link_bytes_per_s);
    expect_conserved(metrics);
    EXPECT_EQ(metrics.outputs_digest, all_resident_)
        << how.policy << " + " << how.predictor << ", slabs " << how.engine.cache.cache_slabs << " + "
        << how.engine.cache.staging_slabs;
  }

  Scenario scenario_;
  std::uint64_t all_resident_ = 0;
};

TEST_F(BitIdentity, HoldsForEveryPolicy) {
  for (const std::string& policy : policy_names()) {
    Replay how = replay();
    how.policy = policy;
    expect_same(how);
  }
}

TEST_F(BitIdentity, HoldsForEveryPredictor) {
  for (const std::string& predictor : replayable_predictors()) {
    for (const std::uint32_t lookahead : {1U, 3U}) {
      Replay how = replay();
      how.predictor = predictor;
      how.engine.prefetch.lookahead_layers = lookahead;
      expect_same(how);
      how.engine.prefetch.rule = PrefetchRule::paying;
      how.engine.prefetch.link_bytes_per_s = 1e9;
      expect_same(how);
    }
  }
}

TEST_F(BitIdentity, HoldsForAHostilePredictor) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    HostilePredictor hostile(seed);
    Replay how = replay();
    how.test_predictor = &hostile;
    how.engine.prefetch = {2, 6, 0.0F};
    how.engine.prefetch_useful_min = 0;
    expect_same(how);
  }
}

TEST_F(BitIdentity, HoldsForAnyNumberOfSlabs) {
  for (const std::uint32_t staging : {0U, 4U}) {
    for (const std::uint32_t slabs : {1U, 2U, 3U, 5U, 9U, 23U, 24U}) {
      Replay how = replay();
      how.engine.cache = {slabs, staging};
      expect_same(how);
    }
  }
}

TEST_F(BitIdentity, HoldsForAnyChunksInAnyOrder) {
  for (const std::uint64_t chunk_bytes : {512U, 1000U, 4608U}) {
    for (const bool shuffle : {false, true}) {
      Replay how = replay();
      how.predictor = "previous-token";
      how.engine.transfer.chunk_bytes = chunk_bytes;
      how.engine.transfer.shuffle_chunks = shuffle;
      how.engine.transfer.chunks_in_flight = 3;
      expect_same(how);
    }
  }
}

TEST_F(BitIdentity, HoldsOnASlowLink) {
  Replay how = replay();
  how.predictor = "previous-token";
  expect_same(how, 100e6);
}

TEST_F(BitIdentity, HoldsWhetherOrNotPrefillBypassesTheCache) {
  for (const bool bypass : {false, true}) {
    for (const CacheSize size : {CacheSize{2, 0}, CacheSize{6, 1}, CacheSize{12, 6}}) {
      Replay how = replay();
      how.engine.bypass_prefill = bypass;
      how.engine.cache = size;
      expect_same(how);
    }
  }
}

TEST_F(BitIdentity, IsNotATautology) {
  Replay how = replay();
  how.seed = 2;
  EXPECT_NE(run(how).outputs_digest, all_resident_);
}

}  // namespace
}  // namespace prophet::engine_test
