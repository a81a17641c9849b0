#pragma once

#include <cstdint>
#include <optional>

#include "bench/analytic/headroom_question.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/memory/arena.hpp"

namespace prophet {

/// Sizes of what stands beside experts and KV cache, as the runtime allocates them.
struct FixedSizes {
  std::uint64_t weights_bytes = 0;
  std::uint64_t predictor_bytes = 0;
  std::uint64_t workspace_bytes = 0;
  std::uint64_t block_table_bytes = 0;

  [[nodiscard]] std::uint64_t total_bytes() const noexcept {
    return weights_bytes + predictor_bytes + workspace_bytes + block_table_bytes;
  }
};

/// For a device with `usable_bytes`, whose block tables name as many pages as it could hold at most.
[[nodiscard]] FixedSizes fixed_sizes(const HeadroomQuestion& question, std::uint64_t page_bytes,
                                     std::uint64_t usable_bytes);

/// A model on a device: first what is always there, one allocation each, then the arena, with as many slabs
/// as the device grants. Owns all of it; the device must outlive it.
class Placement {
 public:
  /// `slabs_wanted` must find room, or there is no arena. Errors of the device other than out_of_memory are
  /// thrown.
  Placement(Device& device, const FixedSizes& sizes, std::uint64_t expert_bytes, std::uint32_t slabs_wanted,
            std::uint64_t usable_bytes);

  /// Whether all of it found room; else nothing is allocated.
  [[nodiscard]] bool placed() const noexcept { return arena_.has_value(); }
  /// REQUIRES: placed.
  [[nodiscard]] const Arena& arena() const noexcept { return *arena_; }
  [[nodiscard]] BufferView bytes() const noexcept { return memory_.view(); }

 private:
  [[nodiscard]] bool place_fixed(Device& device, const FixedSizes& sizes);
  void place_arena(Device& device, std::uint64_t expert_bytes, std::uint32_t least, std::uint32_t most);
  [[nodiscard]] bool try_slabs(Device& device, std::uint64_t expert_bytes, std::uint32_t slabs);

  Buffer weights_;
  Buffer predictor_;
  Buffer workspace_;
  Buffer block_tables_;
  std::optional<Arena> arena_;
  Buffer memory_;
};

}  // namespace prophet
