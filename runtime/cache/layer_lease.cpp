#include <utility>

#include "runtime/cache/expert_cache.hpp"

namespace prophet {

LayerLease::LayerLease(LayerLease&& other) noexcept
    : cache_(std::exchange(other.cache_, nullptr)),
      hits_(std::exchange(other.hits_, {})),
      misses_(std::exchange(other.misses_, {})),
      deferred_(std::exchange(other.deferred_, {})),
      evicted_(std::exchange(other.evicted_, {})) {}

LayerLease::~LayerLease() {
  release();
}

std::span<const Evicted> LayerLease::release() {
  if (cache_ == nullptr) return {};
  ExpertCache& cache = *std::exchange(cache_, nullptr);
  cache.release_leases();
  return cache.left_;
}

}  // namespace prophet
