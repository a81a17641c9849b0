#pragma once

#include <cstdint>

namespace prophet {

/// Where the bytes that crossed the link went. Every byte submitted for copying is in exactly one of the four
/// classes once nothing is pending: copied = demand + prefetch_useful + prefetch_wasted + prefetch_cancelled.
struct TransferBytes {
  std::uint64_t copied = 0;              ///< submitted to a copy stream
  std::uint64_t demand = 0;              ///< for experts that the running layer missed
  std::uint64_t prefetch_useful = 0;     ///< prefetched and leased before eviction
  std::uint64_t prefetch_late = 0;       ///< the part of useful that was still in flight when wanted
  std::uint64_t prefetch_wasted = 0;     ///< prefetched completely and never leased
  std::uint64_t prefetch_cancelled = 0;  ///< copied for a prefetch that was dropped half-way

  friend bool operator==(const TransferBytes&, const TransferBytes&) = default;
};

}  // namespace prophet
