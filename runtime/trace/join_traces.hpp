#pragma once

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// The sequences of `first` and behind them those of `second`, as one trace with the provenance of `second`;
/// it is synthetic when one of them is, and has router weights when both have. Throws Error{bad_input} when
/// they are not of one shape.
[[nodiscard]] RoutingTrace join_traces(const RoutingTrace& first, const RoutingTrace& second);

}  // namespace prophet
