// Deterministic simulation of serving: models, machines, requests, cancellations and faults, each a function
// of one seed. The device refuses moves of the boundary and copies to the host, and there are no pages though
// there should be, until the faults stop; after that every request must finish.
#include <gtest/gtest.h>

#include <iostream>

#include "tests/engine/serve/serving_world.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet::engine_test {
namespace {

constexpr std::uint64_t seeds = 2000;

TEST(ServingSimulation, EveryRequestFinishesOnceTheFaultsStop) {
  const std::uint64_t base = testing_support::fresh_seed();
  std::uint64_t faults = 0;
  std::uint64_t preemptions = 0;
  std::uint64_t moves = 0;
  std::uint64_t shared = 0;
  std::uint64_t swapped = 0;
  const std::uint64_t runs = testing_support::random_operations(seeds - 1);
  for (std::uint64_t i = 0; i < runs; ++i) {
    const ServingPlan plan = ServingPlan::draw(base + i);
    const ServingOutcome outcome = serve(plan);
    ASSERT_FALSE(outcome.wrong) << *outcome.wrong << "\nto repeat: PROPHET_SEED=" << plan.seed
                                << " PROPHET_TEST_SCALE=0 test_engine_serve_simulation\n"
                                << plan.describe();
    faults += outcome.faults;
    preemptions += outcome.result.preemptions;
    moves += outcome.result.moves.lent + outcome.result.moves.taken_back;
    shared += outcome.result.prefix_tokens;
    swapped += outcome.result.swapped_bytes;
  }
  std::cout << runs << " runs, " << faults << " faults, " << preemptions << " preemptions, " << moves
            << " slabs moved, " << shared << " prompt tokens shared, " << swapped << " bytes swapped\n";
  if (runs < 100) return;
  EXPECT_GT(faults, 0U);
  EXPECT_GT(preemptions, 0U);
  EXPECT_GT(moves, 0U);
  EXPECT_GT(shared, 0U);
  EXPECT_GT(swapped, 0U);
}

TEST(ServingSimulation, TheSameSeedGivesTheSameRun) {
  const ServingPlan plan = ServingPlan::draw(testing_support::fresh_seed());
  const ServingOutcome first = serve(plan);
  const ServingOutcome second = serve(plan);
  EXPECT_EQ(first.result.end_ns, second.result.end_ns);
  EXPECT_EQ(first.result.steps, second.result.steps);
  EXPECT_EQ(first.faults, second.faults);
}

}  // namespace
}  // namespace prophet::engine_test
