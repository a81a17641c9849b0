// Deterministic simulation of the whole engine: random traces, machines, policies, predictors and faults,
// each a function of one seed. The sim checks the order of every use of every slab and what each expert was
// computed from; the cache checks its invariants; totals are conserved; the same seed makes the same calls.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>

#include "tests/engine/simulation_run.hpp"
#include "tests/memory/random_run.hpp"

namespace prophet::engine_test {
namespace {

constexpr std::uint64_t usual_runs = 10'000;
constexpr std::uint64_t long_runs = 100'000;
constexpr std::uint64_t repeat_every = 10;

std::uint64_t runs() {
  if (std::getenv("PROPHET_LONG") != nullptr) return long_runs;
  const char* const scale = std::getenv("PROPHET_TEST_SCALE");
  const double factor = scale != nullptr ? std::strtod(scale, nullptr) : 1.0;
  return 1 + static_cast<std::uint64_t>(factor * static_cast<double>(usual_runs - 1));
}

std::string repeat_command(const SimulationPlan& plan) {
  return "to repeat: PROPHET_SEED=" + std::to_string(plan.seed) +
         " PROPHET_TEST_SCALE=0 test_engine_simulation --gtest_filter=DeterministicSimulation.*\n" +
         plan.describe();
}

/// How runs ended, so that a simulation that no longer reaches anything is noticed.
struct Endings {
  std::uint64_t calls = 0;
  std::uint64_t finished = 0;
  std::uint64_t failed = 0;
  std::uint64_t struck_and_finished = 0;
  std::uint64_t late = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t rounds = 0;

  void add(const SimulationResult& result) {
    calls += result.calls;
    failed += result.error ? 1U : 0U;
    if (!result.metrics) return;
    ++finished;
    struck_and_finished += result.fault_struck ? 1U : 0U;
    late += result.metrics->total.hit_late > 0 ? 1U : 0U;
    cancelled += result.metrics->bytes.prefetch_cancelled > 0 ? 1U : 0U;
    rounds += result.metrics->rounds_extra > 0 ? 1U : 0U;
  }
};

TEST(DeterministicSimulation, HoldsEveryPromiseWhateverTheSeed) {
  const std::uint64_t base = testing_support::fresh_seed();
  Endings endings;
  for (std::uint64_t i = 0; i < runs(); ++i) {
    const SimulationPlan plan = SimulationPlan::draw(base + i);
    const SimulationResult result = simulate(plan);
    const auto violation = find_violation(plan, result);
    ASSERT_FALSE(violation.has_value()) << *violation << '\n' << repeat_command(plan);
    if (i % repeat_every == 0) {
      const SimulationResult again = simulate(plan);
      ASSERT_EQ(again.hash, result.hash) << repeat_command(plan);
      ASSERT_EQ(again.calls, result.calls) << repeat_command(plan);
    }
    endings.add(result);
  }
  std::cout << runs() << " runs, " << endings.calls << " device calls: " << endings.finished << " finished ("
            << endings.struck_and_finished << " after a refused prefetch), " << endings.failed
            << " ended by a planned fault; " << endings.late << " with late prefetches, " << endings.cancelled
            << " with cancelled ones, " << endings.rounds << " with rounds\n";
  if (runs() < usual_runs) return;
  EXPECT_GT(endings.failed, runs() / 10);
  EXPECT_GT(endings.struck_and_finished, 0U);
  EXPECT_GT(endings.late, runs() / 20);
  EXPECT_GT(endings.cancelled, runs() / 20);
  EXPECT_GT(endings.rounds, runs() / 20);
}

TEST(DeterministicSimulation, AnotherSeedIsAnotherRun) {
  const std::uint64_t base = testing_support::fresh_seed();
  EXPECT_NE(simulate(SimulationPlan::draw(base)).hash, simulate(SimulationPlan::draw(base + 1)).hash);
}

}  // namespace
}  // namespace prophet::engine_test
