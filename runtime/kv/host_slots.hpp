#pragma once

#include <cstdint>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

inline constexpr HostSlotId no_host_slot{~std::uint32_t{0}};

/// Which page-sized slots of host memory are free, and chains of those that are not: a chain is a stack of
/// slots, known by its top. O(1) a call, no allocation after construction, one thread.
class HostSlots {
 public:
  explicit HostSlots(std::uint32_t slots);

  /// A free slot, now on top of the chain. REQUIRES: free_count() > 0.
  HostSlotId push(HostSlotId& chain) noexcept;
  /// The slot on top of the chain, which is free now. REQUIRES: not no_host_slot.
  HostSlotId pop(HostSlotId& chain) noexcept;

  /// The one below in its chain, or no_host_slot.
  [[nodiscard]] HostSlotId below(HostSlotId slot) const noexcept { return below_[slot.index()]; }
  [[nodiscard]] std::uint32_t free_count() const noexcept { return free_count_; }
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(below_.size()); }

 private:
  std::vector<HostSlotId> below_;  ///< [slots] of taken and of free ones alike
  HostSlotId free_ = no_host_slot;
  std::uint32_t free_count_ = 0;
};

}  // namespace prophet
