#include "tests/cache/naive_cache.hpp"

namespace prophet::testing_support {

NaiveCache::NaiveCache(ExpertGrid grid, CacheSize size, std::unique_ptr<EvictionPolicy> policy,
                       Generation first)
    : grid_(grid),
      size_(size),
      policy_(std::move(policy)),
      generations_(size.cache_slabs + size.staging_slabs, first) {
  for (std::uint32_t s = size.cache_slabs + size.staging_slabs; s-- > 0;) free_.push_back(SlabId{s});
}

std::vector<Evicted> NaiveCache::end_layer(LayerId layer) {
  std::vector<Evicted> left;
  const std::list<ExpertIndex> waiting = waiting_;
  for (auto at = waiting.rbegin(); at != waiting.rend(); ++at) {
    if (grid_.layer(*at) != layer) continue;
    waiting_.remove(*at);
    policy_->admit_cold(*at);
    here_.at(*at).in_order = true;
  }
  trim(left);
  return left;
}

NaiveCache::Round NaiveCache::acquire(std::span<const ExpertIndex> wanted, bool bypass) {
  Round round;
  bypass_ = bypass;
  for (const ExpertIndex expert : wanted) {
    const auto at = here_.find(expert);
    if (at == here_.end()) continue;
    Entry& entry = at->second;
    const Outcome outcome = entry.loading ? Outcome::hit_late : Outcome::hit_on_time;
    round.hits.push_back({entry.ticket, outcome, entry.unused_prefetch});
    entry.leased = true;
    entry.unused_prefetch = false;
    if (entry.in_order && !bypass) policy_->lease(expert);
    if (!entry.in_order && !bypass) policy_->miss(expert);
    if (!bypass) entry.in_order = false;
    waiting_.remove(expert);
  }
  for (const ExpertIndex expert : wanted) {
    if (here_.count(expert) == 1) continue;
    const bool only_free = bypass && !(round.hits.empty() && round.misses.empty());
    const bool some_slab = !free_.empty() || (!only_free && (policy_->size() > 0 || !waiting_.empty()));
    const bool leases_something = !(round.hits.empty() && round.misses.empty());
    const bool waits = free_.empty() && size_.staging_slabs > 0 && leases_something && policy_->size() > 0 &&
                       policy_->keeps_rather_than(expert);
    if (!some_slab || waits) {
      round.deferred.push_back(expert);
      continue;
    }
    if (!bypass) policy_->miss(expert);
    Entry& entry = fill(*slab_for_miss(only_free, round.evicted), expert);
    entry.leased = true;
    round.misses.push_back({entry.ticket, Outcome::miss, false});
  }
  return round;
}

std::vector<Evicted> NaiveCache::release() {
  std::vector<Evicted> left;
  for (auto& [expert, entry] : here_) {
    if (!entry.leased) continue;
    entry.leased = false;
    if (entry.in_order) continue;
    bypass_ ? policy_->admit_cold(expert) : policy_->release(expert);
    entry.in_order = true;
  }
  trim(left);
  return left;
}

std::optional<SlabTicket> NaiveCache::reserve_prefetch(ExpertIndex expert, std::vector<Evicted>& left) {
  if (here_.count(expert) == 1) return std::nullopt;
  auto slab = free_slab();
  if (!slab && policy_->evicts_for_prefetch() && policy_->size() > 0 && !bypass_holds_hits()) {
    slab = evict(left);
  }
  if (!slab) return std::nullopt;
  Entry& entry = fill(*slab, expert);
  entry.unused_prefetch = true;
  waiting_.push_front(expert);
  return entry.ticket;
}

bool NaiveCache::complete(SlabTicket ticket) {
  if (!fills(ticket)) return false;
  here_.at(ticket.expert).loading = false;
  return true;
}

bool NaiveCache::abandon(SlabTicket ticket) {
  if (!fills(ticket)) return false;
  const Entry& entry = here_.at(ticket.expert);
  if (entry.leased || !entry.loading) return false;
  if (entry.in_order) policy_->withdraw(ticket.expert);
  std::vector<Evicted> unnamed;
  free_.push_back(remove(ticket.expert, unnamed));
  return true;
}

std::optional<SlabId> NaiveCache::lend(std::vector<Evicted>& left) {
  if (size_.cache_slabs - lent_.size() == 1) return std::nullopt;
  auto slab = free_slab();
  if (!slab && policy_->size() > 0 && !bypass_holds_hits()) slab = evict(left);
  if (!slab) return std::nullopt;
  lent_.insert(*slab);
  trim(left);
  return slab;
}

void NaiveCache::reclaim(SlabId slab) {
  lent_.erase(slab);
  free_.push_back(slab);
}

bool NaiveCache::bypass_holds_hits() const {
  for (const auto& [expert, entry] : here_) {
    if (entry.leased && entry.in_order) return true;
  }
  return false;
}

bool NaiveCache::fills(SlabTicket ticket) const {
  const auto at = here_.find(ticket.expert);
  return at != here_.end() && at->second.ticket == ticket;
}

NaiveCache::Entry& NaiveCache::fill(SlabId slab, ExpertIndex expert) {
  ++generations_[slab.index()].value;
  Entry entry;
  entry.ticket = {expert, slab, generations_[slab.index()]};
  return here_[expert] = entry;
}

SlabId NaiveCache::remove(ExpertIndex expert, std::vector<Evicted>& left) {
  const Entry entry = here_.at(expert);
  left.push_back({entry.ticket, entry.loading, entry.unused_prefetch});
  here_.erase(expert);
  waiting_.remove(expert);
  return entry.ticket.slab;
}

SlabId NaiveCache::evict(std::vector<Evicted>& left) {
  return remove(policy_->evict(), left);
}

std::optional<SlabId> NaiveCache::free_slab() {
  if (free_.empty()) return std::nullopt;
  const SlabId slab = free_.back();
  free_.pop_back();
  return slab;
}

std::optional<SlabId> NaiveCache::slab_for_miss(bool only_free, std::vector<Evicted>& left) {
  const auto free = free_slab();
  if (free || only_free) return free;
  if (policy_->size() > 0) return evict(left);
  return remove(waiting_.front(), left);
}

void NaiveCache::trim(std::vector<Evicted>& left) {
  while (!bypass_holds_hits() && policy_->size() > size_.cache_slabs - lent_.size()) {
    free_.push_back(evict(left));
  }
}

}  // namespace prophet::testing_support
