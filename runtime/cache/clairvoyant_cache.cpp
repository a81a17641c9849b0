#include "runtime/cache/clairvoyant_cache.hpp"

#include <algorithm>

namespace prophet {
namespace {

/// Below this size a heap is not worth sweeping.
constexpr std::size_t sweep_at_least = 1024;

}  // namespace

ClairvoyantCache::ClairvoyantCache(const RequestGroups& requests)
    : requests_(requests), held_(requests.grid.size()) {
  heap_.reserve(std::size_t{2} * requests.grid.size() + sweep_at_least);
}

void ClairvoyantCache::keep(ExpertIndex expert, std::uint64_t next_use) {
  count_ += held_[expert.index()] == 0 ? 1U : 0U;
  held_[expert.index()] = 1;
  heap_.push_back(next_use);
  std::push_heap(heap_.begin(), heap_.end());
}

void ClairvoyantCache::leave(ExpertIndex expert) {
  count_ -= held_[expert.index()];
  held_[expert.index()] = 0;
}

void ClairvoyantCache::shrink_to(std::uint32_t slabs) {
  for (; count_ > slabs; --count_) {
    held_[expert_of(heap_.front(), requests_).index()] = 0;
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
  }
}

void ClairvoyantCache::pass(std::uint64_t at) {
  // Half of this size at least is stale, so that a sweep is paid for by the requests since the last one.
  if (heap_.size() < 2 * std::size_t{count_} + sweep_at_least) return;
  std::erase_if(heap_, [at](std::uint64_t next_use) { return next_use < at; });
  std::make_heap(heap_.begin(), heap_.end());
}

}  // namespace prophet
