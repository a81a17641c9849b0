#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/kv_pages.hpp"

namespace prophet::kernels::cuda {

/// A place that is none. Places are multiples of 16, so that a kernel may read at `place & ~15` all the same:
/// it is the begin of page 0.
inline constexpr std::uint64_t no_place = 1;

/// Bytes from pages.base to the row of a sequence's token, or no_place when the block table has no sound
/// page.
__device__ __forceinline__ std::uint64_t place_of(const KvPages& pages, std::uint32_t sequence,
                                                  std::uint32_t token, std::uint32_t row_bytes) {
  const std::uint32_t index = token / pages.page_tokens;
  if (sequence >= pages.sequences || index >= pages.pages_max) return no_place;
  const std::uint32_t page = pages.block_table[std::size_t{sequence} * pages.pages_max + index];
  if (page >= pages.pages) return no_place;
  const std::uint32_t slab = page / pages.grid.pages_per_slab;
  return slab * pages.grid.slab_bytes +
         std::uint64_t{page - slab * pages.grid.pages_per_slab} * pages.grid.page_bytes +
         std::uint64_t{token - index * pages.page_tokens} * row_bytes;
}

}  // namespace prophet::kernels::cuda
