#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/cache/request_groups.hpp"

namespace prophet {

/// Hits of an LRU cache of every capacity, from one pass over the requests.
struct MissRatioCurve {
  std::uint64_t requests = 0;
  std::vector<std::uint64_t> hits;  ///< [grid.size() + 1]: hits[c] with c slabs

  [[nodiscard]] double hit_rate(std::uint32_t slabs) const noexcept {
    return requests == 0 ? 0.0 : static_cast<double>(hits[slabs]) / static_cast<double>(requests);
  }
};

/// Exact LRU hits at all capacities over the *sequential* request stream (one request at a time, groups in
/// order, ascending within a group), by stack distances (Mattson et al., 1970). One pass.
[[nodiscard]] MissRatioCurve lru_curve(const RequestGroups& requests);

/// Hits of Belady's rule over the sequential stream, with bypass, at `slabs`.
[[nodiscard]] std::uint64_t belady_hits(const RequestGroups& requests, std::uint32_t slabs);

/// Hits of the layer-grouped clairvoyant cache with bypass: requests of a group are classified together,
/// then the `slabs` experts whose next use is nearest stay. No cache of the same size copies less.
[[nodiscard]] std::uint64_t grouped_belady_hits(const RequestGroups& requests, std::uint32_t slabs);

struct DecodeHits {
  std::uint64_t requests = 0;
  std::uint64_t hits = 0;
};
/// The most hits that decode steps can have when prefill passes run between them: of these no request counts,
/// and what they want may enter the cache and stay there for nothing.
[[nodiscard]] DecodeHits grouped_belady_decode_hits(const RequestGroups& requests, std::uint32_t slabs);

/// Hits when the `slabs` hottest experts by `popularity` [grid.size()] stay for ever.
[[nodiscard]] std::uint64_t static_hits(const RequestGroups& requests,
                                        std::span<const std::uint64_t> popularity, std::uint32_t slabs);

}  // namespace prophet
