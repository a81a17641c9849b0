#include "runtime/memory/slab_pool.hpp"

#include <fmt/format.h>

#include <cassert>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

std::uint32_t checked_count(std::uint32_t slabs) {
  if (slabs < 1 || slabs > limits::slabs_max) {
    throw Error(ErrorCode::usage,
                fmt::format("slab pool: {} slabs are outside 1 to {}", slabs, limits::slabs_max));
  }
  return slabs;
}

}  // namespace

SlabPool::SlabPool(std::uint32_t slabs) : is_free_(checked_count(slabs), 1) {
  free_.reserve(slabs);
  for (std::uint32_t s = slabs; s-- > 0;) free_.push_back(SlabId{s});
}

std::optional<SlabId> SlabPool::take() noexcept {
  if (free_.empty()) return std::nullopt;
  const SlabId slab = free_.back();
  free_.pop_back();
  is_free_[slab.index()] = 0;
  return slab;
}

void SlabPool::give_back(SlabId slab) noexcept {
  assert(slab.index() < is_free_.size() && !is_free(slab));
  is_free_[slab.index()] = 1;
  free_.push_back(slab);
}

}  // namespace prophet
