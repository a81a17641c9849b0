#include <gtest/gtest.h>

#include <array>

#include "tests/predictor/predictor_samples.hpp"
#include "tests/support/allocation_counter.hpp"

namespace prophet::testing {
namespace {

constexpr ExpertGrid grid{6, 32};
constexpr std::uint32_t top_k = 4;
constexpr std::uint32_t lanes = 3;
constexpr std::uint32_t steps = 20;

/// All lanes step through the same rows: one group of requests is one token's choice.
std::uint64_t allocations_of_a_run(Predictor& predictor, const RoutingTrace& trace) {
  std::array<ExpertId, top_k> experts{};
  std::array<float, grid.experts> probability{};
  std::array<float, grid.experts> logits{};
  const std::uint64_t before = heap_allocations();
  for (std::uint32_t step = 0; step < steps; ++step) {
    for (std::uint32_t lane = 0; step % 8 == 0 && lane < lanes; ++lane) predictor.start_lane(LaneId{lane});
    for (std::uint32_t l = 0; l < grid.layers; ++l) {
      for (std::uint32_t rank = 0; rank < top_k; ++rank) experts[rank] = trace.expert(step, LayerId{l}, rank);
      for (std::uint32_t lane = 0; lane < lanes; ++lane) predictor.observe(LaneId{lane}, LayerId{l}, experts);
      for (std::uint32_t ahead = 1; ahead <= predictor.wants_ahead() && l + ahead < grid.layers; ++ahead) {
        for (std::uint32_t lane = 0; lane < lanes; ++lane)
          predictor.observe_ahead(LaneId{lane}, LayerId{l}, LayerId{l + ahead}, logits);
      }
      for (std::uint32_t target = 0; target < grid.layers; ++target) {
        (void)predictor.forecast(LayerId{l}, LayerId{target}, probability);
      }
    }
  }
  return heap_allocations() - before;
}

TEST(Predictors, DoNotAllocateAfterConstruction) {
  if (!heap_allocations_are_counted()) GTEST_SKIP() << "the sanitizer keeps operator new";
  const std::uint64_t seed = announced_seed();
  SCOPED_TRACE(seed);
  Random random(seed);
  const RoutingTrace trace = random_trace(random, grid, top_k, {steps, 100});
  const std::vector<SequenceId> training{SequenceId{1}};
  std::vector<std::uint64_t> offsets{0};
  std::vector<ExpertIndex> wanted;
  for (std::uint32_t step = 0; step < steps; ++step) {
    for (std::uint32_t l = 0; l < grid.layers; ++l) {
      for (const ExpertId e : chosen(trace, step, l)) wanted.push_back(grid.index(LayerId{l}, e));
      offsets.push_back(wanted.size());
    }
  }
  PredictorOptions options;
  options.grid = grid;
  options.top_k = top_k;
  options.lanes = lanes;
  options.trace = &trace;
  options.training = training;
  options.future = {offsets, wanted};
  options.ahead_layers = 2;
  const std::uint64_t at_start = heap_allocations();
  for (const std::string& name : predictor_names()) {
    const auto predictor = make_predictor(name, options);
    if (predictor == nullptr) continue;
    EXPECT_EQ(allocations_of_a_run(*predictor, trace), 0U) << name;
  }
  EXPECT_GT(heap_allocations(), at_start) << "the counter counts";
}

}  // namespace
}  // namespace prophet::testing
