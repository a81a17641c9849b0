#pragma once

#include <cstdint>
#include <optional>

#include "runtime/cache/request_groups.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet::micro {

/// What the benchmarks replay when no trace is given: routing drawn from the model of synth.hpp, one lane, as
/// many decode steps as asked. The same on every run.
struct StreamShape {
  std::uint32_t layers = 24;
  std::uint32_t experts = 32;
  std::uint32_t top_k = 4;
  std::uint32_t steps = 10'000;
};

[[nodiscard]] RequestGroups synthetic_requests(const StreamShape& shape);

/// The trace that the environment variable PROPHET_TRACE names; nothing when it is unset or empty. Throws
/// Error when it cannot be read.
[[nodiscard]] std::optional<RoutingTrace> traced_routing();

/// Its first 60,000 decode steps, without repetitive sequences.
[[nodiscard]] std::optional<RequestGroups> traced_requests();

}  // namespace prophet::micro
