#pragma once

#include <cstdint>

#include "prophet/ids.hpp"

namespace prophet {

/// The fixed grid of the one device allocation: slab s lies at s * stride_bytes.
struct Arena {
  std::uint64_t expert_bytes = 0;  ///< what a slab must hold
  std::uint64_t stride_bytes = 0;  ///< expert_bytes rounded up to the alignment
  std::uint32_t slabs = 0;

  /// Default alignment of slabs: what every device's allocations and wide loads are happy with.
  static constexpr std::uint64_t default_alignment_bytes = 256;

  /// Checked: throws Error{usage} for no slabs or no bytes, or when the arena would not fit 64 bits.
  [[nodiscard]] static Arena plan(std::uint64_t expert_bytes, std::uint32_t slabs,
                                  std::uint64_t alignment_bytes = default_alignment_bytes);

  [[nodiscard]] std::uint64_t offset_bytes(SlabId slab) const noexcept { return slab.value * stride_bytes; }
  [[nodiscard]] std::uint64_t total_bytes() const noexcept { return slabs * stride_bytes; }
  /// Bytes that rounding costs, over all slabs.
  [[nodiscard]] std::uint64_t waste_bytes() const noexcept { return slabs * (stride_bytes - expert_bytes); }
};

}  // namespace prophet
