#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// What trace statistics leave out and how they sample.
struct TraceStatisticsOptions {
  /// Sequences with any of these flags are left out; see prophet::sequence_flags.
  std::uint32_t skip_flags = sequence_flags::repetitive;
  std::uint32_t sampled_batches = 2000;  ///< for each batch size
  std::uint64_t seed = 1;
};

/// Mean number of different experts that one layer needs for a batch of one token from each of `batch`
/// different sequences, over layers and sampled batches.
struct UniqueExperts {
  std::uint32_t batch = 0;
  std::optional<double> measured;  ///< absent when the trace has fewer sequences than that
  double uniform = 0;  ///< experts * (1 - (1 - top_k / experts)^batch), for independent uniform choices
};

/// Share of all requests that go to the hottest experts of a layer, averaged over layers.
struct HottestShare {
  double fraction = 0;  ///< of the layer's experts; a fractional expert counts for its part
  double share = 0;     ///< equal to `fraction` when all experts are equally popular
};

struct TraceStatistics {
  std::uint64_t sequences = 0;  ///< that were looked at
  std::uint64_t tokens = 0;     ///< of these sequences
  std::uint64_t skipped_sequences = 0;
  std::vector<UniqueExperts> unique_experts;  ///< for batches of 1, 4, 8, 16, 32, 64
  std::vector<HottestShare> hottest;          ///< for 10, 25 and 50 % of the experts
  std::optional<double> repeat_share;  ///< of a token's experts that the token before had in the same layer
  double repeat_by_chance = 0;         ///< top_k / experts
};

/// Locality of a trace. Equal options give equal numbers. Throws Error{bad_input} when all sequences are
/// skipped.
[[nodiscard]] TraceStatistics measure_trace(const RoutingTrace& trace,
                                            const TraceStatisticsOptions& options = {});

}  // namespace prophet
