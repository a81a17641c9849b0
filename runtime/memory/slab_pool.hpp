#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// Who has which slab of an arena: integers only, no device. Slabs are given out in LIFO order, so that a
/// slab just freed, whose pages are warm in translation caches, is used again first. O(1), no allocation
/// after construction, one thread. Invariant: every slab is either free, exactly once, or taken.
class SlabPool {
 public:
  /// `slabs` between 1 and limits::slabs_max, else Error{usage}.
  explicit SlabPool(std::uint32_t slabs);

  /// A free slab, or nothing when all are taken.
  [[nodiscard]] std::optional<SlabId> take() noexcept;
  /// REQUIRES: taken.
  void give_back(SlabId slab) noexcept;

  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(is_free_.size()); }
  [[nodiscard]] std::uint32_t free_count() const noexcept { return static_cast<std::uint32_t>(free_.size()); }
  [[nodiscard]] bool is_free(SlabId slab) const noexcept { return is_free_[slab.index()] != 0; }

 private:
  std::vector<SlabId> free_;
  std::vector<std::uint8_t> is_free_;  ///< [slabs]; bytes, because bits cost a shift on the step path
};

}  // namespace prophet
