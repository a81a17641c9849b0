#include "runtime/memory/page_grid.hpp"

#include <fmt/format.h>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {

PageGrid PageGrid::plan(std::uint64_t slab_bytes, std::uint32_t slabs, std::uint64_t page_bytes) {
  if (page_bytes < 1 || page_bytes > slab_bytes) {
    throw Error(ErrorCode::usage, fmt::format("page grid: a page of {} bytes is outside 1 to the slab's {}",
                                              page_bytes, slab_bytes));
  }
  if (slabs < 1 || slabs > limits::slabs_max) {
    throw Error(ErrorCode::usage,
                fmt::format("page grid: {} slabs are outside 1 to {}", slabs, limits::slabs_max));
  }
  const std::uint64_t pages_per_slab = slab_bytes / page_bytes;
  if (pages_per_slab > limits::kv_pages_max / slabs) {
    throw Error(ErrorCode::usage,
                fmt::format("page grid: {} slabs of {} pages of {} bytes are more than {} pages: expected "
                            "larger pages",
                            slabs, pages_per_slab, page_bytes, limits::kv_pages_max));
  }
  return {page_bytes, static_cast<std::uint32_t>(pages_per_slab), slabs};
}

}  // namespace prophet
