#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"
#include "runtime/engine/miss_way.hpp"
#include "runtime/engine/miss_ways.hpp"
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
  std::uint32_t coverage = 0;  ///< experts of a layer that a forecast names at most; 0: top-k times the batch
  PrefetchRule prefetch = PrefetchRule::paying;
  MissMode miss = MissMode::copy;
  /// The baseline that every other case of its size stands beside.
  [[nodiscard]] bool is_on_demand_lru() const {
    return policy == "lru" && predictor == "none" && miss == MissMode::copy;
  }
  /// Whether the other one is the same case: how prefetches are made does not count where none are.
  [[nodiscard]] bool runs_as(const ReplayCase& other) const;
  /// Whether no expert ever has to leave. All of them are then brought in before the first step, which is not
  /// counted, as in the all-resident baseline.
  [[nodiscard]] bool has_slab_for_all(const ExpertGrid& grid) const noexcept { return slabs >= grid.size(); }
};

/// LRU with the batch and slabs of `like`, every miss copied.
[[nodiscard]] ReplayCase on_demand_lru_like(const ReplayCase& like);
/// Static placement with the batch and slabs of `like`, every miss computed on the host's cores.
[[nodiscard]] ReplayCase static_with_host_like(const ReplayCase& like);

/// Of the prefetches that a case asks for, all but what depends on the device.
[[nodiscard]] PrefetchOptions prefetch_options(const ReplayCase& what, std::uint32_t top_k);

/// The least that any cache of the same slabs could take, over all decode steps. What may compute misses on
/// the host is judged by the second bound, which lets link and host work at once (least_with_host_ns).
struct ClairvoyantBound {
  std::uint64_t requests = 0;
  std::uint64_t misses =
      0;  ///< layer-grouped Belady with bypass; what prompts leave in the cache costs nothing
  std::uint64_t bytes = 0;         ///< misses * expert bytes
  std::uint64_t copy_ns = 0;       ///< those bytes over the link
  std::uint64_t compute_ns = 0;    ///< compute of the all-resident run; 0 where it could not run
  std::uint64_t with_host_ns = 0;  ///< of link and host at once; 0: all misses are copied
  [[nodiscard]] std::uint64_t total_ns() const noexcept {
    if (with_host_ns != 0) return with_host_ns;
    return copy_ns > compute_ns ? copy_ns : compute_ns;
  }
};

/// The least that decode steps with the misses and the compute time of `bound` could take, in nanoseconds,
/// when misses may be copied, read over the link, or computed on the host, all at once.
///
/// Of n clairvoyant misses, x experts pass the link and y are computed on the host with x + y >= n, whatever
/// is cached, copied ahead or passed through: one that the host computes is, to the cache, one that passed
/// through, and no cache makes do with fewer loads than a clairvoyant one with bypass. An expert takes the
/// link costs.link_ns at least and the host's cores costs.host_ns at least, so in a time T at most T /
/// link_ns + T / host_ns of them can be had. And of the compute of the all-resident run the accelerator is
/// spared what the host computes: y <= T / host_ns experts, each of at most the larger of the two resident
/// costs. That the host may compute more than n is allowed for; that the two share the host's memory is not,
/// nor any latency of the link: both only make it later.
[[nodiscard]] std::uint64_t least_with_host_ns(const ClairvoyantBound& bound,
                                               const MissCosts& costs) noexcept;

/// Whether the experts most wanted in training have to be there before the first step, because no miss would
/// ever bring one. `automatic` begins with them too where there is training, but needs none.
[[nodiscard]] constexpr bool needs_placement(MissMode mode) noexcept {
  return mode == MissMode::host || mode == MissMode::in_place;
}
/// The `slabs` experts of most requests, ascending; of equals the lowest. popularity [experts of all layers].
[[nodiscard]] std::vector<ExpertIndex> most_wanted(std::span<const std::uint64_t> popularity,
                                                   std::uint32_t slabs);

struct ReplayRow {
  ReplayCase what;
  ReplayMetrics metrics;
  std::uint64_t device_bytes = 0;  ///< slabs, always-resident weights and activations
  std::uint64_t slab_bytes = 0;    ///< of them, cache and staging slabs
  std::uint32_t preloaded = 0;     ///< experts brought in before the first step, which is not counted
  bool fits = true;                ///< within the device's memory; if not, it was given what it needs
  std::uint64_t total_ns_min = 0;  ///< of the repetitions
  std::uint64_t total_ns_max = 0;
  MissCosts miss_costs;  ///< as measured on the device before the run; zeros where all misses are copied
  bool ran = true;       ///< false of an all-resident row whose experts the device has not the memory for
};

}  // namespace prophet
