#pragma once

#include <cstdint>
#include <vector>

#include "runtime/engine/replay_metrics.hpp"
#include "runtime/engine/serve/kv_boundary.hpp"
#include "runtime/engine/serve/serve_options.hpp"
#include "runtime/engine/serve/served_request.hpp"

namespace prophet {

/// Where the boundary stood from a step on.
struct BoundaryPoint {
  std::uint64_t step = 0;
  std::uint64_t time_ns = 0;
  std::uint32_t kv_slabs = 0;
};

/// What one run has measured. All times are the device's: virtual on the sim.
struct ServeResult {
  std::vector<ServedRequest> requests;           ///< in the order of arrival
  std::vector<std::uint64_t> between_tokens_ns;  ///< of all tokens but each request's first
  std::uint64_t steps = 0;
  std::uint64_t end_ns = 0;
  std::uint64_t preemptions = 0;
  std::uint64_t recomputed_tokens = 0;  ///< had been computed before a preemption
  std::uint64_t swapped_bytes = 0;      ///< out and in
  std::uint64_t prompt_tokens = 0;      ///< of first admissions
  std::uint64_t prefix_tokens = 0;      ///< of them, found in the KV cache
  std::uint64_t waiting_steps = 0;      ///< in which the head of the queue lacked pages
  BoundaryMoves moves;
  std::uint64_t turns = 0;                ///< of the boundary's direction
  std::uint64_t urgent_steps = 0;         ///< moves for a long prompt
  std::uint64_t long_wait_steps_max = 0;  ///< most steps in which a long prompt waited for the boundary
  std::uint32_t kv_slabs_mean = 0;
  std::vector<BoundaryPoint> boundary;
  ReplayMetrics engine;
};

/// Whether a request met the limits.
[[nodiscard]] bool is_good(const ServedRequest& request, const ServeLimits& limits) noexcept;

/// What a table says of a run.
struct ServeSummary {
  std::uint64_t finished = 0;
  std::uint64_t refused = 0;
  std::uint64_t good = 0;
  double goodput_per_s = 0;                 ///< good requests over the time in which requests came
  std::uint64_t first_token_ns[3] = {};     ///< p50, p90, p99
  std::uint64_t between_tokens_ns[3] = {};  ///< likewise
  double hit_rate = 0;                      ///< of experts, in decode steps
  double prefix_hit_rate = 0;               ///< of prompt tokens
  double moves_per_thousand_steps = 0;
  double turns_per_thousand_steps = 0;
};
[[nodiscard]] ServeSummary summarise(const ServeResult& result, const ServeLimits& limits);

}  // namespace prophet
