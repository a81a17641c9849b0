// A recorded trace against figures that another program counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "runtime/cache/miss_ratio_curve.hpp"
#include "runtime/trace/load_trace.hpp"

namespace prophet::test {
namespace {

constexpr auto recorded = PROPHET_SOURCE_DIR "/../shared/traces/gpt-oss-20b.decode.mrt.xz";
constexpr std::uint64_t steps = 60'000;
constexpr std::array<std::uint32_t, 5> slabs{96, 192, 288, 384, 576};

void append_token(RequestGroups& requests, const RoutingTrace& trace, std::uint64_t token) {
  std::vector<ExpertIndex> wanted(trace.shape().top_k);
  for (std::uint32_t layer = 0; layer < requests.grid.layers; ++layer) {
    for (std::uint32_t rank = 0; rank < trace.shape().top_k; ++rank) {
      wanted[rank] = requests.grid.index(LayerId{layer}, trace.expert(token, LayerId{layer}, rank));
    }
    std::sort(wanted.begin(), wanted.end());
    requests.append(wanted);
  }
}

/// The first steps of the sequences that do not loop, one token a step.
RequestGroups first_steps(const RoutingTrace& trace) {
  RequestGroups requests;
  requests.grid = trace.shape().grid;
  for (const SequenceInfo& sequence : trace.sequences()) {
    if ((sequence.flags & sequence_flags::repetitive) != 0) continue;
    for (std::uint32_t token = 0; token < sequence.tokens; ++token) {
      if (requests.groups() == steps * requests.grid.layers) return requests;
      append_token(requests, trace, sequence.first_token + token);
    }
  }
  return requests;
}

class RealTrace : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(recorded)) GTEST_SKIP() << "there is no " << recorded;
    requests_ = first_steps(load_trace(recorded));
    ASSERT_EQ(requests_.requests(), steps * 24 * 4);
  }
  [[nodiscard]] double rate(std::uint64_t hits) const {
    return static_cast<double>(hits) / static_cast<double>(requests_.requests());
  }

  RequestGroups requests_;
};

TEST_F(RealTrace, LruCurveEqualsTheIndependentCount) {
  constexpr std::array expected{0.3634, 0.6168, 0.7986, 0.9058, 0.9880};
  const MissRatioCurve curve = lru_curve(requests_);
  for (std::size_t i = 0; i < slabs.size(); ++i) {
    EXPECT_NEAR(curve.hit_rate(slabs[i]), expected[i], 0.00005) << slabs[i] << " slabs";
  }
}

TEST_F(RealTrace, GroupedBeladyHitsEqualTheIndependentCount) {
  constexpr std::array expected{0.6349, 0.8284, 0.9191, 0.9645, 0.9957};
  for (std::size_t i = 0; i < slabs.size(); ++i) {
    EXPECT_NEAR(rate(grouped_belady_hits(requests_, slabs[i])), expected[i], 0.00005) << slabs[i] << " slabs";
  }
}

TEST_F(RealTrace, SequentialBeladyHitsEqualTheIndependentCount) {
  constexpr std::array expected{0.6342, 0.8282, 0.9191, 0.9645, 0.9957};
  for (std::size_t i = 0; i < slabs.size(); ++i) {
    EXPECT_NEAR(rate(belady_hits(requests_, slabs[i])), expected[i], 0.00005) << slabs[i] << " slabs";
  }
}

}  // namespace
}  // namespace prophet::test
