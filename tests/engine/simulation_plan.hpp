#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/engine/logging_device.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {

/// Everything that one simulated replay is drawn with; a function of its seed alone.
struct SimulationPlan {
  std::uint64_t seed = 0;
  ScenarioOptions scenario;
  GpuProfile profile;
  double jitter_fraction = 0;
  Replay replay;  ///< without a test predictor; `hostile` says whether there is one
  bool hostile = false;
  std::optional<FaultPlan> fault;

  [[nodiscard]] static SimulationPlan draw(std::uint64_t seed);
  /// One line, for a failure's report.
  [[nodiscard]] std::string describe() const;
};

}  // namespace prophet::engine_test
