#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/cache/request_groups.hpp"
#include "tests/live/identity_pool.hpp"
#include "tests/live/live_rig.hpp"
#include "tests/support/unsteady_device.hpp"

namespace prophet::testing {

/// One token of a planned step: a position of a sequence of the pool, in a lane.
struct PlannedToken {
  LaneId lane;
  std::uint32_t sequence = 0;
  std::uint32_t position = 0;
};

struct PlannedStep {
  StepKind kind = StepKind::decode;
  std::vector<PlannedToken> tokens;
};

/// One way to keep the experts and to run sequences of a pool, drawn from a seed.
struct IdentityPlan {
  std::uint64_t seed = 0;
  double link_bytes_per_s = 0;
  UnsteadyOptions unsteady;
  std::string predictor;  ///< one of predictor_names(), or "hostile", or "contrary": an oracle that lies
  RigOptions rig;         ///< without predictor, popularity and future
  bool preload = false;
  std::vector<PlannedStep> steps;

  [[nodiscard]] static IdentityPlan draw(const IdentityPool& pool, std::uint64_t seed);
  /// What the steps will want: each expert once a layer of each step.
  [[nodiscard]] RequestGroups requests(const IdentityPool& pool) const;
  [[nodiscard]] std::uint64_t tokens() const noexcept;
  /// One line, for a failure's report.
  [[nodiscard]] std::string describe() const;
};

}  // namespace prophet::testing
