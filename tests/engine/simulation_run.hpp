#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "prophet/error.hpp"
#include "runtime/engine/replay_metrics.hpp"
#include "tests/engine/simulation_plan.hpp"

namespace prophet::engine_test {

/// How a simulated replay ended.
struct SimulationResult {
  std::optional<ReplayMetrics> metrics;  ///< when it ran to its end
  std::optional<ErrorCode> error;        ///< when it did not
  std::string sentence;                  ///< of that error
  bool fault_struck = false;             ///< the planned fault came before the end
  std::uint64_t hash = 0;                ///< of all calls that reached the device, with their times
  std::uint64_t calls = 0;
};

/// Runs the plan on a sim with its checkers on, and destroys everything again.
[[nodiscard]] SimulationResult simulate(const SimulationPlan& plan);

/// What must hold of a result; the first thing that does not, or nothing.
[[nodiscard]] std::optional<std::string> find_violation(const SimulationPlan& plan,
                                                        const SimulationResult& result);

}  // namespace prophet::engine_test
