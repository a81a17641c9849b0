#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/engine/serve/serve_result.hpp"
#include "runtime/engine/serve/server.hpp"
#include "runtime/kv/kv_geometry.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {

/// A small model, machine and queue of requests, all drawn from one seed.
struct ServingPlan {
  std::uint64_t seed = 0;
  ScenarioOptions scenario;
  KvGeometry geometry;
  std::uint32_t slabs = 16;
  std::uint32_t staging_slabs = 2;
  std::vector<RequestRecord> requests;
  std::vector<Cancellation> cancellations;
  ServeOptions options;
  double fault_chance = 0;        ///< of each call that may fail
  std::uint64_t fault_steps = 0;  ///< faults stop after so many steps
  std::uint64_t check_every = 1;  ///< steps between two checks of every invariant

  [[nodiscard]] static ServingPlan draw(std::uint64_t seed);
  [[nodiscard]] std::string describe() const;
};

/// What a run came to.
struct ServingOutcome {
  std::optional<std::string> wrong;  ///< the first broken promise
  std::uint64_t faults = 0;          ///< that struck
  ServeResult result;
};

/// Serves it on a sim that checks the order of every use of every slab. Promises: the invariants of the cache
/// and of the pages hold after each step; the run ends; every request that was not cancelled finishes, with
/// as many tokens as it asked for; then no page is held and every slab is where the books say.
[[nodiscard]] ServingOutcome serve(const ServingPlan& plan);

}  // namespace prophet::engine_test
