// The invariants that stand at the head of ExpertCache, counted from the raw arrays.
#include <fmt/format.h>

#include "prophet/error.hpp"
#include "runtime/cache/expert_cache.hpp"

namespace prophet {
namespace {

void require(bool holds, std::string_view invariant, std::string_view what, std::uint32_t value) {
  if (holds) return;
  throw Error(ErrorCode::check_failed, fmt::format("expert cache: {}: {} {}", invariant, what, value));
}

}  // namespace

void ExpertCache::check_invariants() const {
  check_slabs();
  check_experts();
  check_counts();
}

void ExpertCache::check_slabs() const {
  std::uint32_t lent = 0;
  for (std::uint32_t s = 0; s < slabs_.size(); ++s) {
    const ExpertIndex holder = holders_[s];
    require(slabs_.is_free(SlabId{s}) == (holder == nobody), "a slab without an expert is free", "slab", s);
    lent += holder == another_tenant ? 1 : 0;
    if (holder == nobody || holder == another_tenant) continue;
    const Entry& entry = entries_[holder.index()];
    require(entry.slab == SlabId{s}, "an expert has one slab", "slab", s);
    require(entry.generation == generations_[s], "a slab's generation is its expert's", "slab", s);
  }
  require(lent == lent_, "lent slabs are counted", "lent", lent_);
}

void ExpertCache::check_experts() const {
  for (std::uint32_t e = 0; e < grid_.size(); ++e) {
    const Entry& entry = entries_[e];
    const bool in_order = policy_->contains(ExpertIndex{e});
    require(entry.in_order == in_order, "cache and policy agree on the order", "expert", e);
    if (!is_here(entry)) {
      require(!entry.leased && !entry.in_order && !entry.loading && !entry.unused_prefetch,
              "an absent expert has no state", "expert", e);
      continue;
    }
    require(holders_[entry.slab.index()] == ExpertIndex{e}, "a slab has one expert", "expert", e);
    require(!entry.leased || lease_is_alive_, "only a living lease leases", "expert", e);
    require(!(entry.leased && entry.in_order) || bypass_hits_are_leased_,
            "a leased expert is not in the order", "expert", e);
    require(!(entry.leased && entry.unused_prefetch), "a leased prefetch is used", "expert", e);
    require(entry.leased || entry.in_order || entry.unused_prefetch,
            "an expert is leased, in the order or an unused prefetch", "expert", e);
  }
}

void ExpertCache::check_counts() const {
  std::uint32_t ordered = 0;
  std::uint32_t leased = 0;
  std::uint32_t waiting = 0;
  std::uint32_t unused = 0;
  std::vector<std::uint32_t> here_of(grid_.layers, 0);
  for (std::uint32_t e = 0; e < grid_.size(); ++e) {
    const Entry& entry = entries_[e];
    if (!is_here(entry)) continue;
    ++here_of[grid_.layer(ExpertIndex{e}).index()];
    ordered += entry.in_order ? 1 : 0;
    leased += entry.leased ? 1 : 0;
    waiting += !entry.in_order && !entry.leased ? 1 : 0;
    unused += entry.unused_prefetch ? 1 : 0;
  }
  for (std::uint32_t l = 0; l < grid_.layers; ++l)
    require(here_of[l] == here_of_[l], "a layer's experts are counted", "layer", l);
  std::uint32_t waiting_of_layers = 0;
  for (const std::uint32_t count : waiting_of_) waiting_of_layers += count;
  require(ordered == ordered_ && ordered == policy_->size(), "the order is counted", "experts", ordered);
  require(leased == leased_.size(), "leases are counted", "experts", leased);
  require(waiting == waiting_prefetches_.size() && waiting == waiting_of_layers,
          "waiting prefetches are listed", "experts", waiting);
  require(unused == unused_prefetches_, "unused prefetches are counted", "experts", unused);
  require(ordered <= capacity() || lease_is_alive_, "outside a lease the order fits the cache slabs",
          "experts", ordered);
}

}  // namespace prophet
