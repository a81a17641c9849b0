// The whole engine, on the sim, hits what an independent count on a recorded trace hits.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include "runtime/engine/replay_session.hpp"
#include "runtime/trace/load_trace.hpp"

namespace prophet {
namespace {

std::filesystem::path trace_path() {
  return std::filesystem::path(PROPHET_SOURCE_DIR) / "../shared/traces/gpt-oss-20b.decode.mrt.xz";
}

struct Recorded {
  Recorded()
      : trace(load_trace(trace_path())),
        split(split_sequences(trace, sequence_flags::repetitive, 0, 0)),
        workload(custom_workload(trace.shape().grid, trace.shape().top_k, 1 << 20, 1 << 20)) {
    SessionOptions options;
    options.device = "sim:h100-80gb";
    options.device_options.check_happens_before = false;  // covered elsewhere; here the count is the point
    options.steps = 60'000;
    options.verify = false;
    session.emplace(trace, split, workload, options, nullptr);
  }
  [[nodiscard]] double hit_rate(const std::string& policy, std::uint32_t slabs) {
    ReplayCase what;
    what.policy = policy;
    what.slabs = slabs;
    what.staging_slabs = 4;
    const ReplayMetrics metrics = session->run(what).metrics;
    EXPECT_EQ(metrics.steps, 60'000U);
    EXPECT_EQ(metrics.rounds_extra, 0U);
    EXPECT_EQ(metrics.bytes.copied, metrics.total.miss * workload.expert_bytes);
    return static_cast<double>(metrics.total.hit_on_time) / static_cast<double>(metrics.total.requests);
  }

  RoutingTrace trace;
  SequenceSplit split;
  Workload workload;
  std::optional<ReplaySession> session;
};

constexpr double half_a_digit = 0.00005;

/// Sanitizer builds ask for less than the whole: one size of each policy.
bool asks_for_less() {
  const char* const scale = std::getenv("PROPHET_TEST_SCALE");
  return scale != nullptr && std::strtod(scale, nullptr) < 1;
}

class Exactness : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::filesystem::exists(trace_path())) recorded_ = std::make_unique<Recorded>();
  }
  static void TearDownTestSuite() { recorded_.reset(); }
  void SetUp() override {
    if (!recorded_) GTEST_SKIP() << "gpt-oss-20b.decode.mrt.xz is not there";
  }
  static std::unique_ptr<Recorded> recorded_;
};

std::unique_ptr<Recorded> Exactness::recorded_;

TEST_F(Exactness, OfLruThroughTheEngine) {
  EXPECT_NEAR(recorded_->hit_rate("lru", 96), 0.4427, half_a_digit);
  if (asks_for_less()) return;
  EXPECT_NEAR(recorded_->hit_rate("lru", 384), 0.9060, half_a_digit);
}

TEST_F(Exactness, OfBeladyWithBypassThroughTheEngine) {
  EXPECT_NEAR(recorded_->hit_rate("belady", 192), 0.8284, half_a_digit);
  if (asks_for_less()) return;
  EXPECT_NEAR(recorded_->hit_rate("belady", 576), 0.9957, half_a_digit);
}

}  // namespace
}  // namespace prophet
