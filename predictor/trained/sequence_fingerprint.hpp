#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// 64 bits of a sequence's routing and of the trace's shape. The same tokens have the same fingerprint in
/// whichever file and place they stand. Not cryptographic.
[[nodiscard]] std::uint64_t sequence_fingerprint(const RoutingTrace& trace, SequenceId sequence);

/// Of these sequences, ascending and each once.
[[nodiscard]] std::vector<std::uint64_t> fingerprints(const RoutingTrace& trace,
                                                      std::span<const SequenceId> sequences);

/// The sequences whose fingerprint is not among `known`, which is ascending, in their order.
[[nodiscard]] std::vector<SequenceId> sequences_apart_from(const RoutingTrace& trace,
                                                           std::span<const SequenceId> sequences,
                                                           std::span<const std::uint64_t> known);

}  // namespace prophet
