#pragma once

#include <cstdint>
#include <optional>

#include "runtime/cache/request_groups.hpp"

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

/// The first 60,000 decode steps of the trace that the environment variable PROPHET_TRACE names, without
/// repetitive sequences; nothing when it is not set. Throws Error when it cannot be read.
[[nodiscard]] std::optional<RequestGroups> traced_requests();

}  // namespace prophet::micro
