#pragma once

#include <cstdint>
#include <string>

#include "runtime/engine/prefetcher.hpp"
#include "runtime/engine/replay_metrics.hpp"

namespace prophet {

/// One row: a way to keep the experts.
struct ReplayCase {
  std::string policy = "lru";
  std::string predictor = "none";
  std::uint32_t batch = 1;
  std::uint32_t slabs = 0;
  std::uint32_t staging_slabs = 0;
  std::uint32_t lookahead_layers = 1;
  std::uint32_t prefetch_width = 0;  ///< experts per layer; 0: top-k times the batch
  PrefetchRule prefetch = PrefetchRule::paying;
  /// The baseline that every other case of its size stands beside.
  [[nodiscard]] bool is_on_demand_lru() const { return policy == "lru" && predictor == "none"; }
};

/// The least that any cache of the same slabs could take, over all decode steps.
struct ClairvoyantBound {
  std::uint64_t requests = 0;
  std::uint64_t misses =
      0;  ///< layer-grouped Belady with bypass; what prompts leave in the cache costs nothing
  std::uint64_t bytes = 0;       ///< misses * expert bytes
  std::uint64_t copy_ns = 0;     ///< those bytes over the link
  std::uint64_t compute_ns = 0;  ///< compute of the all-resident run; 0 where it could not run
  [[nodiscard]] std::uint64_t total_ns() const noexcept {
    return copy_ns > compute_ns ? copy_ns : compute_ns;
  }
};

struct ReplayRow {
  ReplayCase what;
  ReplayMetrics metrics;
  std::uint64_t device_bytes = 0;  ///< slabs, always-resident weights and activations
  std::uint64_t slab_bytes = 0;    ///< of them, cache and staging slabs
  bool fits = true;                ///< within the device's memory; if not, it was given what it needs
  std::uint64_t total_ns_min = 0;  ///< of the repetitions
  std::uint64_t total_ns_max = 0;
  bool ran = true;  ///< false of an all-resident row whose experts the device has not the memory for
};

}  // namespace prophet
