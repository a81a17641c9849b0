#pragma once

#include <cstdint>

#include "bench/analytic/headroom_question.hpp"

namespace prophet {

/// Where a device's memory went, and how many tokens it holds. All terms of one cell, in the order in which
/// they are taken from the device:
///
///   room.total = context + reserve + weights + predictor + workspace + block tables
///              + (cache + staging slabs) * slab_bytes + pages * page_bytes + lent_waste + rest
///
/// where reserve has already paid for granularity as far as it can, and rest is what is less than a slab.
struct HeadroomTerms {
  DeviceRoom room;

  std::uint64_t weights_bytes = 0;      ///< everything but the routed experts
  std::uint64_t predictor_bytes = 0;    ///< none where all experts are resident
  std::uint64_t workspace_bytes = 0;    ///< activations of the longest step
  std::uint64_t block_table_bytes = 0;  ///< of as many pages as the device could hold at most
  std::uint64_t rounding_bytes = 0;     ///< what granularity costs, over all allocations; in reserve and rest

  std::uint64_t expert_bytes = 0;   ///< one expert
  std::uint64_t slab_bytes = 0;     ///< it, rounded up to the grid of the arena
  std::uint32_t slabs = 0;          ///< of the whole arena
  std::uint32_t cache_slabs = 0;    ///< asked for; not there unless `placed`
  std::uint32_t staging_slabs = 0;  ///< likewise
  std::uint64_t rest_bytes = 0;     ///< usable, but less than a slab

  std::uint32_t lent_slabs = 0;  ///< to the KV cache
  std::uint64_t page_bytes = 0;  ///< page_tokens tokens of one layer
  std::uint32_t pages_per_slab = 0;
  std::uint64_t pages = 0;             ///< of all lent slabs
  std::uint64_t lent_waste_bytes = 0;  ///< of lent slabs, what is no page

  std::uint64_t state_pages = 0;     ///< of them, in which recurrent layers keep all sequences' state
  std::uint64_t used_pages = 0;      ///< of them, when the first sequence was refused its next tokens
  std::uint64_t tokens = 0;          ///< of all sequences together
  std::uint64_t context_tokens = 0;  ///< of the shortest of them
  std::uint64_t missing_bytes = 0;   ///< what the device lacks for weights and experts; 0 when `placed`

  [[nodiscard]] bool placed() const noexcept { return missing_bytes == 0; }
  /// Every sequence holds at least one page's tokens.
  [[nodiscard]] bool fits() const noexcept { return placed() && context_tokens != 0; }
  /// Of all lent slabs, [0, 1]; 0 where there are none.
  [[nodiscard]] double lent_waste_fraction() const noexcept {
    if (lent_slabs == 0) return 0;
    return static_cast<double>(lent_waste_bytes) /
           (static_cast<double>(lent_slabs) * static_cast<double>(slab_bytes));
  }
};

}  // namespace prophet
