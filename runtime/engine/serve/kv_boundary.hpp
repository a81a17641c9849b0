#pragma once

#include <cstdint>

#include "runtime/engine/serve/kv_space.hpp"
#include "runtime/engine/step_loop.hpp"

namespace prophet {

/// Slabs that have gone from the experts to the KV cache and back.
struct BoundaryMoves {
  std::uint64_t lent = 0;
  std::uint64_t taken_back = 0;
  std::uint64_t pages_moved = 0;  ///< so that a slab could be given back
  std::uint64_t failed = 0;       ///< refused by the device; nothing has changed then
};

/// Carries out what a BoundaryController decides: changes of owner in both books, and on the device the
/// events and page copies that they take, all in the order of the compute stream. Between steps only. What
/// the device refuses leaves both sides as they were and is counted; a lost device is thrown. The loop, the
/// space and the device must outlive it.
class KvBoundary {
 public:
  KvBoundary(Device& device, StepLoop& loop, KvSpace& kv) : device_(device), loop_(loop), kv_(kv) {}

  /// A slab from the experts to the KV cache; false when there is none or the device refuses.
  bool lend();
  /// And back; false too when live pages have no other place.
  bool take_back();

  [[nodiscard]] const BoundaryMoves& moves() const noexcept { return moves_; }

 private:
  void copy_pages(std::span<const KvMove> moves);

  Device& device_;
  StepLoop& loop_;
  KvSpace& kv_;
  BoundaryMoves moves_;
};

}  // namespace prophet
