#pragma once

#include <cstdint>
#include <span>

#include "kernels/page.hpp"
#include "runtime/device/device.hpp"

namespace prophet {

/// What came of writing and reading pages.
struct PageProof {
  std::uint64_t pages = 0;  ///< written, and read back afterwards
  std::uint64_t bytes = 0;  ///< of them
  bool compared = false;    ///< the device keeps bytes, and each was as it had been written
};

/// Writes each of `pages` with a pattern of its own, that of its position in the list, and only then reads
/// all of them back: a page that is there twice, that overlaps another or that is no memory shows. Through
/// pinned memory by copies, which a device without bytes checks for their order only. `arena` begins at the
/// grid's first slab. Returns when the device has. Throws Error{check_failed} that names the first wrong
/// byte, Error{out_of_memory} when the host has not the memory for the copies.
[[nodiscard]] PageProof prove_pages(Device& device, BufferView arena, const kernels::PageGrid& grid,
                                    std::span<const std::uint32_t> pages, std::uint64_t seed);

}  // namespace prophet
