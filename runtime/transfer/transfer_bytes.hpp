#pragma once

#include <cstdint>

namespace prophet {

/// Where the experts' bytes that crossed the link as copies went. Every byte submitted for copying is in
/// exactly one of the five classes once nothing is pending: copied = demand + fill + prefetch_useful +
/// prefetch_wasted + prefetch_cancelled.
struct TransferBytes {
  std::uint64_t copied = 0;  ///< submitted to a copy stream
  std::uint64_t demand = 0;  ///< for experts that the running layer missed
  std::uint64_t fill = 0;    ///< for experts that were computed elsewhere, to have them the next time
  std::uint64_t prefetch_useful = 0;     ///< prefetched and leased before eviction
  std::uint64_t prefetch_late = 0;       ///< the part of useful that was still in flight when wanted
  std::uint64_t prefetch_wasted = 0;     ///< prefetched completely and never leased
  std::uint64_t prefetch_cancelled = 0;  ///< copied for a prefetch or a fill that was dropped half-way

  TransferBytes& operator+=(const TransferBytes& more) noexcept {
    copied += more.copied;
    demand += more.demand;
    fill += more.fill;
    prefetch_useful += more.prefetch_useful;
    prefetch_late += more.prefetch_late;
    prefetch_wasted += more.prefetch_wasted;
    prefetch_cancelled += more.prefetch_cancelled;
    return *this;
  }
  TransferBytes& operator-=(const TransferBytes& less) noexcept {
    copied -= less.copied;
    demand -= less.demand;
    fill -= less.fill;
    prefetch_useful -= less.prefetch_useful;
    prefetch_late -= less.prefetch_late;
    prefetch_wasted -= less.prefetch_wasted;
    prefetch_cancelled -= less.prefetch_cancelled;
    return *this;
  }
  friend bool operator==(const TransferBytes&, const TransferBytes&) = default;
};

}  // namespace prophet
