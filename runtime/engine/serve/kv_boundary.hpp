#pragma once

#include <cstdint>

#include "runtime/engine/serve/kv_space.hpp"

namespace prophet {

/// Slabs that have gone from the experts to the KV cache and back.
struct BoundaryMoves {
  std::uint64_t lent = 0;
  std::uint64_t taken_back = 0;
  std::uint64_t pages_moved = 0;  ///< so that a slab could be given back
  std::uint64_t failed = 0;       ///< refused by the device; nothing has changed then
};

/// Carries out what a BoundaryController decides, and counts. What the device refuses for want of memory
/// leaves both sides as they were and is counted; anything else is thrown. Between passes only. The space
/// must outlive it.
class KvBoundary {
 public:
  explicit KvBoundary(KvSpace& kv) : kv_(kv) {}

  /// A slab from the experts to the KV cache; false when there is none or the device refuses.
  [[nodiscard]] bool lend();
  /// And back; false too when live pages have no other place.
  [[nodiscard]] bool take_back();
  /// Slabs that were taken back arrive, as far as the device is done with them.
  void pump();

  [[nodiscard]] BoundaryMoves moves() const noexcept;

 private:
  KvSpace& kv_;
  BoundaryMoves moves_;
};

}  // namespace prophet
