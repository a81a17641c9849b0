#include "runtime/cache/expert_cache.hpp"

#include <fmt/format.h>

#include <cassert>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

std::uint32_t checked_total(CacheSize size) {
  if (size.cache_slabs == 0) {
    throw Error(ErrorCode::usage, "expert cache: 0 cache slabs, at least 1 is needed");
  }
  const std::uint64_t total = std::uint64_t{size.cache_slabs} + size.staging_slabs;
  if (total > limits::slabs_max) {
    throw Error(ErrorCode::usage, fmt::format("expert cache: {} cache and {} staging slabs are more than {}",
                                              size.cache_slabs, size.staging_slabs, limits::slabs_max));
  }
  return static_cast<std::uint32_t>(total);
}

std::unique_ptr<EvictionPolicy> checked_policy(std::unique_ptr<EvictionPolicy> policy) {
  if (!policy) throw Error(ErrorCode::usage, "expert cache: a policy is needed and none was given");
  return policy;
}

}  // namespace

ExpertCache::ExpertCache(ExpertGrid grid, CacheSize size, std::unique_ptr<EvictionPolicy> policy,
                         Generation first_generation)
    : grid_(grid),
      size_(size),
      policy_(checked_policy(std::move(policy))),
      policy_evicts_for_prefetch_(policy_->evicts_for_prefetch()),
      slabs_(checked_total(size)),
      entries_(grid.size()),
      here_of_(grid.layers, 0),
      holders_(slabs_.size(), nobody),
      generations_(slabs_.size(), first_generation),
      links_(grid.size()),
      waiting_prefetches_(links_),
      waiting_of_(grid.layers, 0) {
  hits_.reserve(grid.experts);
  misses_.reserve(grid.experts);
  leased_.reserve(grid.experts);
  deferred_.reserve(grid.experts);
  evicted_.reserve(grid.experts);
  left_.reserve(slabs_.size());
}

// A broken invariant ends the program here: the destructor does not throw.
ExpertCache::~ExpertCache() {
  check_invariants();
}

void ExpertCache::begin_layer(LayerId layer, std::uint64_t step) {
  require_layer(layer);
  policy_->begin_layer(layer, step);
}

std::span<const Evicted> ExpertCache::end_layer(LayerId layer) {
  require_layer(layer);
  left_.clear();
  if (waiting_of_[layer.index()] == 0) return left_;
  bool is_newest = false;
  // The newest enters the order last and so goes first: it is the one that the least copying was spent on.
  for (ExpertIndex expert = waiting_prefetches_.back(); !is_newest;) {
    is_newest = waiting_prefetches_.is_front(expert);
    const ExpertIndex newer = waiting_prefetches_.towards_front(expert);
    if (grid_.layer(expert) == layer) {
      stop_waiting(expert);
      enter_order(expert, entries_[expert.index()], false);
    }
    expert = newer;
  }
  trim();
  return left_;
}

LayerLease ExpertCache::acquire(std::span<const ExpertIndex> wanted, bool bypass) {
  require_acquirable(wanted);
  hits_.clear();
  misses_.clear();
  leased_.clear();
  deferred_.clear();
  evicted_.clear();
  lease_is_alive_ = true;
  lease_is_bypass_ = bypass;
  for (const ExpertIndex expert : wanted) {
    Entry& entry = entries_[expert.index()];
    if (is_here(entry)) lease_hit(expert, entry, bypass);
  }
  for (const ExpertIndex expert : wanted) {
    Entry& entry = entries_[expert.index()];
    if (!entry.leased) {
      if (!can_find_slab(bypass) || waits_for_staging(expert)) {
        deferred_.push_back(expert);
        continue;
      }
      lease_miss(expert, entry, bypass);
    }
    leased_.push_back(expert);
  }
  LayerLease lease;
  lease.cache_ = this;
  lease.hits_ = hits_;
  lease.misses_ = misses_;
  lease.deferred_ = deferred_;
  lease.evicted_ = evicted_;
  return lease;
}

void ExpertCache::require_layer(LayerId layer) const {
  if (layer.value < grid_.layers) return;
  throw Error(ErrorCode::usage,
              fmt::format("expert cache: layer {} is not one of {}", layer.value, grid_.layers));
}

void ExpertCache::require_acquirable(std::span<const ExpertIndex> wanted) const {
  if (lease_is_alive_) {
    throw Error(ErrorCode::check_failed, "expert cache: acquire while the lease of a round is alive");
  }
  if (wanted.empty()) return;
  for (std::size_t i = 1; i < wanted.size(); ++i) {
    if (wanted[i - 1] < wanted[i]) continue;
    throw Error(ErrorCode::usage,
                fmt::format("expert cache: expert {} is wanted after {}, ascending order was expected",
                            wanted[i].value, wanted[i - 1].value));
  }
  const std::uint32_t first = wanted.front().value;
  const std::uint32_t last = wanted.back().value;
  if (last >= grid_.size() || last - first >= grid_.experts) {
    throw Error(ErrorCode::usage,
                fmt::format("expert cache: experts {} to {} are not of one layer of {} x {}", first, last,
                            grid_.layers, grid_.experts));
  }
}

void ExpertCache::lease_hit(ExpertIndex expert, Entry& entry, bool bypass) {
  if (!entry.in_order) {
    stop_waiting(expert);
    if (!bypass) policy_->miss(expert);
  } else if (bypass) {
    bypass_hits_are_leased_ = true;
  } else {
    policy_->lease(expert);
    entry.in_order = false;
    --ordered_;
  }
  const Outcome outcome = entry.loading ? Outcome::hit_late : Outcome::hit_on_time;
  hits_.push_back({ticket_of(expert, entry), outcome, entry.unused_prefetch});
  if (entry.unused_prefetch) --unused_prefetches_;
  entry.unused_prefetch = false;
  entry.leased = true;
}

bool ExpertCache::can_find_slab(bool bypass) const noexcept {
  if (slabs_.free_count() > 0) return true;
  if (bypass && !(hits_.empty() && misses_.empty())) return false;
  return ordered_ > 0 || !waiting_prefetches_.empty();
}

/// Until a later round, if that comes: a round that leased nothing would be the same again.
bool ExpertCache::waits_for_staging(ExpertIndex expert) const noexcept {
  if (size_.staging_slabs == 0 || slabs_.free_count() > 0 || ordered_ == 0) return false;
  if (hits_.empty() && misses_.empty()) return false;
  return policy_->keeps_rather_than(expert);
}

void ExpertCache::lease_miss(ExpertIndex expert, Entry& entry, bool bypass) {
  if (!bypass) policy_->miss(expert);
  give_slab(slab_for_miss(), expert, entry);
  entry.leased = true;
  misses_.push_back({ticket_of(expert, entry), Outcome::miss, false});
}

SlabId ExpertCache::slab_for_miss() {
  if (const auto slab = slabs_.take()) return *slab;
  if (ordered_ > 0) return evict_from_order(evicted_);
  return drop_newest_prefetch(evicted_);
}

void ExpertCache::give_slab(SlabId slab, ExpertIndex expert, Entry& entry) noexcept {
  Generation& generation = generations_[slab.index()];
  ++generation.value;
  holders_[slab.index()] = expert;
  entry.slab = slab;
  entry.generation = generation;
  entry.loading = true;
  ++here_of_[grid_.layer(expert).index()];
}

SlabId ExpertCache::evict_from_order(std::vector<Evicted>& list) {
  const ExpertIndex victim = policy_->evict();
  --ordered_;
  assert(!entries_[victim.index()].leased);
  return empty_slab_of(victim, list);
}

SlabId ExpertCache::drop_newest_prefetch(std::vector<Evicted>& list) {
  const ExpertIndex victim = waiting_prefetches_.front();
  stop_waiting(victim);
  return empty_slab_of(victim, list);
}

SlabId ExpertCache::empty_slab_of(ExpertIndex expert, std::vector<Evicted>& list) {
  Entry& entry = entries_[expert.index()];
  const SlabId slab = entry.slab;
  list.push_back({ticket_of(expert, entry), entry.loading, entry.unused_prefetch});
  if (entry.unused_prefetch) --unused_prefetches_;
  entry = Entry{};
  holders_[slab.index()] = nobody;
  --here_of_[grid_.layer(expert).index()];
  return slab;
}

void ExpertCache::stop_waiting(ExpertIndex expert) noexcept {
  waiting_prefetches_.remove(expert);
  --waiting_of_[grid_.layer(expert).index()];
}

void ExpertCache::enter_order(ExpertIndex expert, Entry& entry, bool as_used) {
  if (as_used) {
    policy_->release(expert);
  } else {
    policy_->admit_cold(expert);
  }
  entry.in_order = true;
  ++ordered_;
}

void ExpertCache::release_leases() {
  for (const ExpertIndex expert : leased_) {
    Entry& entry = entries_[expert.index()];
    entry.leased = false;
    if (!entry.in_order) enter_order(expert, entry, !lease_is_bypass_);
  }
  leased_.clear();
  lease_is_alive_ = false;
  bypass_hits_are_leased_ = false;
  left_.clear();
  trim();
}

void ExpertCache::trim() {
  if (bypass_hits_are_leased_) return;
  while (ordered_ > capacity()) slabs_.give_back(evict_from_order(left_));
}

}  // namespace prophet
