// Hit rates of the expert cache on a recorded trace, against an independent count to four digits.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "runtime/cache/expert_cache.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/trace/load_trace.hpp"

namespace prophet {
namespace {

constexpr std::uint32_t steps_max = 60'000;

const std::filesystem::path& trace_path() {
  static const std::filesystem::path path =
      std::filesystem::path(PROPHET_SOURCE_DIR) / "../shared/traces/gpt-oss-20b.decode.mrt.xz";
  return path;
}

/// Batch 1, sequences in file order without the repetitive ones, one group a layer of a token.
RequestGroups read_requests() {
  const RoutingTrace trace = load_trace(trace_path());
  const TraceShape& shape = trace.shape();
  RequestGroups requests;
  requests.grid = shape.grid;
  std::vector<ExpertIndex> group(shape.top_k);
  std::uint32_t steps = 0;
  for (const SequenceInfo& sequence : trace.sequences()) {
    if ((sequence.flags & sequence_flags::repetitive) != 0) continue;
    for (std::uint32_t t = 0; t < sequence.tokens && steps < steps_max; ++t, ++steps) {
      for (std::uint32_t l = 0; l < shape.grid.layers; ++l) {
        for (std::uint32_t k = 0; k < shape.top_k; ++k) {
          group[k] = shape.grid.index(LayerId{l}, trace.expert(sequence.first_token + t, LayerId{l}, k));
        }
        std::sort(group.begin(), group.end());
        requests.append(group);
      }
    }
  }
  return requests;
}

class ExactnessOnARecordedTrace : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (std::filesystem::exists(trace_path())) requests_ = read_requests();
  }
  void SetUp() override {
    if (requests_.groups() == 0) GTEST_SKIP() << "gpt-oss-20b.decode.mrt.xz is not there";
    ASSERT_EQ(requests_.groups(), std::size_t{steps_max} * requests_.grid.layers);
  }

  static double hit_rate(std::string_view policy, std::uint32_t slabs) {
    const ExpertGrid grid = requests_.grid;
    PolicyOptions options;
    options.grid = grid;
    options.cache_slabs = slabs;
    options.future = &requests_;
    ExpertCache cache(grid, {slabs, 4}, make_policy(policy, options));
    std::size_t hits = 0;
    for (std::size_t g = 0; g < requests_.groups(); ++g) {
      cache.begin_layer(LayerId{static_cast<std::uint32_t>(g % grid.layers)}, g / grid.layers);
      LayerLease lease = cache.acquire(requests_.group(g));
      hits += lease.hits().size();
      EXPECT_TRUE(lease.deferred().empty());
      for (const Acquired& miss : lease.misses()) cache.complete(miss.ticket);
    }
    return static_cast<double>(hits) / static_cast<double>(requests_.requests());
  }

  static RequestGroups requests_;
};

RequestGroups ExactnessOnARecordedTrace::requests_;

struct Reference {
  std::uint32_t slabs;
  double hit_rate;
};

constexpr double half_a_digit = 0.00005;

/// Sanitizer builds are slow: they see the same code with one size and one policy.
bool is_scaled_down() {
  const char* const scale = std::getenv("PROPHET_TEST_SCALE");
  return scale != nullptr && std::strtod(scale, nullptr) < 1;
}

TEST_F(ExactnessOnARecordedTrace, LruHitsWhatAnIndependentCountHits) {
  constexpr std::array expected{Reference{96, 0.4427}, Reference{192, 0.6182}, Reference{288, 0.7992},
                                Reference{384, 0.9060}, Reference{576, 0.9880}};
  for (const Reference& row : expected) {
    EXPECT_NEAR(hit_rate("lru", row.slabs), row.hit_rate, half_a_digit) << row.slabs << " slabs";
    if (is_scaled_down()) break;
  }
}

TEST_F(ExactnessOnARecordedTrace, BeladyWithBypassHitsWhatAnIndependentCountHits) {
  constexpr std::array expected{Reference{96, 0.6349}, Reference{192, 0.8284}, Reference{288, 0.9191},
                                Reference{384, 0.9645}, Reference{576, 0.9957}};
  for (const Reference& row : expected) {
    EXPECT_NEAR(hit_rate("belady", row.slabs), row.hit_rate, half_a_digit) << row.slabs << " slabs";
    if (is_scaled_down()) break;
  }
}

TEST_F(ExactnessOnARecordedTrace, NoPolicyBeatsTheClairvoyantOne) {
  const double bound = hit_rate("belady", 192);
  for (const std::string_view policy : {"lru", "lfu", "slru", "arc", "least-stale"}) {
    const double rate = hit_rate(policy, 192);
    RecordProperty(std::string(policy), std::to_string(rate));
    EXPECT_LT(rate, bound) << policy;
    EXPECT_GT(rate, 0.3) << policy;
    if (is_scaled_down()) break;
  }
}

}  // namespace
}  // namespace prophet
