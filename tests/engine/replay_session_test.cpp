#include "runtime/engine/replay_session.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <optional>

#include "prophet/error.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {
namespace {

constexpr ScenarioOptions sizes{.layers = 4, .experts = 16, .top_k = 2, .sequences = 12, .mean_tokens = 16};

struct World {
  explicit World(SessionOptions options = {}, const ScenarioOptions& scenario_options = sizes)
      : scenario(scenario_options) {
    options.device = "sim:h100-80gb";
    options.chunk_bytes = 1024;
    session.emplace(scenario.trace(), scenario.split(), scenario.workload(), options, nullptr);
  }
  [[nodiscard]] ReplayCase third() const {
    ReplayCase what;
    what.slabs = scenario.workload().grid.size() / 3;
    what.staging_slabs = 2;
    return what;
  }
  Scenario scenario;
  std::optional<ReplaySession> session;
};

ErrorCode refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::check_failed;
}

TEST(ReplaySession, NeverBeatsItsBound) {
  World world;
  for (const std::string predictor : {"none", "oracle"}) {
    for (const std::string policy : {"lru", "belady"}) {
      ReplayCase what = world.third();
      what.policy = policy;
      what.predictor = predictor;
      const ReplayRow row = world.session->run(what);
      const ClairvoyantBound bound = world.session->bound(what);
      EXPECT_GE(row.metrics.total_ns, bound.total_ns()) << policy << " + " << predictor;
      EXPECT_GE(row.metrics.bytes.copied, bound.bytes) << policy << " + " << predictor;
      expect_conserved(row.metrics);
    }
  }
}

TEST(ReplaySession, WhoKnowsTheNextStepStandsBetweenTheForecastAndTheClairvoyant) {
  World world;
  const auto misses = [&](const std::string& policy) {
    ReplayCase what = world.third();
    what.batch = 2;
    what.policy = policy;
    return world.session->run(what).metrics.total.miss;
  };
  const std::uint64_t one_step = misses("one-step");
  EXPECT_LT(one_step, misses("forecast"));
  EXPECT_GT(one_step, misses("belady"));
}

TEST(ReplaySession, NeverBeatsItsBoundOfLinkAndHostAtOnce) {
  for (const double host_gb_per_s : {1.0, 60.0, 4000.0}) {
    SessionOptions options;
    options.device_options.host_bytes_per_s = host_gb_per_s * 1e9;
    World world(options);
    for (const MissMode miss : {MissMode::host, MissMode::in_place, MissMode::automatic}) {
      for (const std::string predictor : {"none", "oracle"}) {
        ReplayCase what = world.third();
        what.policy = "belady";
        what.predictor = predictor;
        what.miss = miss;
        const ReplayRow row = world.session->run(what);
        const ClairvoyantBound bound = world.session->bound(what);
        EXPECT_GT(bound.with_host_ns, 0U);
        EXPECT_GE(row.metrics.total_ns, bound.total_ns())
            << miss_mode_name(miss) << " + " << predictor << ", host of " << host_gb_per_s << " GB/s";
        expect_conserved(row.metrics);
      }
    }
  }
}

TEST(ReplaySession, StaticPlacementWithHostComputeCopiesNothing) {
  World world;
  const ReplayCase what = world.third();
  const ReplayRow& row = world.session->static_with_host(what);
  EXPECT_EQ(&world.session->static_with_host(what), &row);
  EXPECT_EQ(row.what.policy, "static");
  EXPECT_EQ(row.metrics.bytes.copied, 0U) << "what is resident came before the first step";
  EXPECT_EQ(row.metrics.total.miss, 0U);
  EXPECT_GT(row.metrics.total.host, 0U);
  EXPECT_GT(row.metrics.total.hit_on_time, 0U);
  EXPECT_GT(row.metrics.host_ns, 0U);
}

TEST(ReplaySession, RunsEachBaselineOnce) {
  World world;
  const ReplayCase what = world.third();
  const ReplayRow& first = world.session->on_demand_lru(what);
  EXPECT_EQ(&world.session->on_demand_lru(what), &first);
  EXPECT_EQ(&world.session->all_resident(1), &world.session->all_resident(1));
  EXPECT_EQ(first.metrics.total.miss, world.session->run(what).metrics.total.miss);
  EXPECT_EQ(world.session->all_resident(1).metrics.total.miss, 0U);
  EXPECT_EQ(world.session->all_resident(1).metrics.bytes.copied, 0U);
}

TEST(ReplaySession, GivesTheAllResidentBaselineTheMemoryItNeedsAndSaysThatItDoesNotFit) {
  SessionOptions options;
  options.device_options.memory_bytes = 300'000;  // 64 experts of 4,608 bytes are 294,912, and there is more
  World world(options);
  EXPECT_FALSE(world.session->all_resident(1).fits);
  ReplayCase what = world.third();
  EXPECT_TRUE(world.session->run(what).fits);
  what.slabs = world.scenario.workload().grid.size();
  EXPECT_EQ(refusal([&] { (void)world.session->run(what); }), ErrorCode::out_of_memory);
}

TEST(ReplaySession, CountsSlabsAndStagingInItsMemory) {
  World world;
  const ReplayRow row = world.session->run(world.third());
  EXPECT_EQ(row.slab_bytes, (world.third().slabs + 2) * 4608ULL);
  EXPECT_GT(row.device_bytes, row.slab_bytes);
}

TEST(ReplaySession, MeasuresTheLinkItsBoundRestsOn) {
  World world;
  EXPECT_NEAR(world.session->link_bytes_per_s(), 55.6e9, 0.5e9);
}

TEST(ReplaySession, RefusesSlabsAndLookaheadBeyondTheModel) {
  World world;
  for (const std::uint32_t slabs : {0U, 65U}) {
    ReplayCase what = world.third();
    what.slabs = slabs;
    EXPECT_EQ(refusal([&] { (void)world.session->run(what); }), ErrorCode::usage);
  }
  ReplayCase what = world.third();
  what.lookahead_layers = 5;
  EXPECT_EQ(refusal([&] { (void)world.session->run(what); }), ErrorCode::usage);
  what = world.third();
  what.policy = "no-such";
  EXPECT_EQ(refusal([&] { (void)world.session->run(what); }), ErrorCode::usage);
  what = world.third();
  what.predictor = "no-such";
  EXPECT_EQ(refusal([&] { (void)world.session->run(what); }), ErrorCode::usage);
}

TEST(ReplaySession, StillRunsAfterARefusedCase) {
  World world;
  ReplayCase what = world.third();
  what.slabs = 0;
  EXPECT_EQ(refusal([&] { (void)world.session->run(what); }), ErrorCode::usage);
  expect_conserved(world.session->run(world.third()).metrics);
}

TEST(ReplaySession, TheSameCaseTwiceIsTheSameRow) {
  World world;
  ReplayCase what = world.third();
  what.predictor = "transition";
  what.batch = 2;
  const ReplayMetrics once = world.session->run(what).metrics;
  const ReplayMetrics twice = world.session->run(what).metrics;
  EXPECT_EQ(once.total_ns, twice.total_ns);
  EXPECT_EQ(once.step_ns, twice.step_ns);
  EXPECT_EQ(once.bytes, twice.bytes);
}

TEST(ReplaySession, ReportsProgress) {
  const Scenario scenario(sizes);
  std::uint64_t calls = 0;
  SessionOptions options;
  options.device = "sim:h100-80gb";
  ReplaySession session(scenario.trace(), scenario.split(), scenario.workload(), options,
                        [&](const ReplayCase&, std::uint64_t done, std::uint64_t all) {
                          EXPECT_LT(done, all);
                          ++calls;
                        });
  ReplayCase what;
  what.slabs = 10;
  (void)session.run(what);
  EXPECT_GT(calls, 0U);
}

TEST(ReplaySession, WritesATimelineOfWhatItDid) {
  SessionOptions options;
  options.record_timeline = true;
  World world(options);
  (void)world.session->run(world.third());
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("prophet_timeline_" + std::to_string(::getpid()) + ".json");
  world.session->write_timeline(path.string());
  EXPECT_GT(std::filesystem::file_size(path), 1000U);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace prophet::engine_test
