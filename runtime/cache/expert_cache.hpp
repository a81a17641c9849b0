#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/index_list.hpp"
#include "runtime/memory/slab_pool.hpp"

namespace prophet {

struct CacheSize {
  std::uint32_t cache_slabs = 0;    ///< experts that may stay between layers; at least 1
  std::uint32_t staging_slabs = 0;  ///< on top: room for experts that pass through, and for prefetches
};

/// Names one filling of one slab. A ticket of an older generation names nothing any more.
struct SlabTicket {
  ExpertIndex expert;
  SlabId slab;
  Generation generation;
  friend bool operator==(const SlabTicket&, const SlabTicket&) = default;
};

/// What a layer found when it asked for an expert.
enum class Outcome : std::uint8_t {
  hit_on_time,  ///< resident
  hit_late,     ///< its prefetch was still in flight
  miss,         ///< not even started: the caller copies it now
};

struct Acquired {
  SlabTicket ticket;
  Outcome outcome = Outcome::miss;
  bool first_use_of_prefetch = false;  ///< this lease makes a prefetch useful
  friend bool operator==(const Acquired&, const Acquired&) = default;
};

/// An expert that left the cache.
struct Evicted {
  SlabTicket ticket;
  bool was_loading = false;      ///< its copy is unfinished: cancel what is not yet submitted
  bool unused_prefetch = false;  ///< prefetched and never leased: wasted
  friend bool operator==(const Evicted&, const Evicted&) = default;
};

class ExpertCache;

/// The leases of one round of one layer. While it lives, none of its slabs is evicted or given another
/// expert. Move-only; the destructor releases in ascending expert order. At most one is alive per cache.
/// The spans point into the cache and are valid while the lease lives.
class LayerLease {
 public:
  LayerLease(LayerLease&& other) noexcept;
  LayerLease& operator=(LayerLease&&) = delete;
  ~LayerLease();

  /// Resident or in flight, in ascending expert order.
  [[nodiscard]] std::span<const Acquired> hits() const noexcept { return hits_; }
  /// To be copied by the caller, in ascending expert order; loading until ExpertCache::complete.
  [[nodiscard]] std::span<const Acquired> misses() const noexcept { return misses_; }
  /// What did not fit this round; acquire it again after this lease has ended. Empty in most rounds.
  [[nodiscard]] std::span<const ExpertIndex> deferred() const noexcept { return deferred_; }
  /// What had to leave to make room.
  [[nodiscard]] std::span<const Evicted> evicted() const noexcept { return evicted_; }
  /// Ends the lease now. Returns what then left the cache (down to cache_slabs), valid until the next call of
  /// the cache; nothing when the lease has ended before.
  std::span<const Evicted> release();

 private:
  friend class ExpertCache;
  LayerLease() = default;
  ExpertCache* cache_ = nullptr;
  std::span<const Acquired> hits_;
  std::span<const Acquired> misses_;
  std::span<const ExpertIndex> deferred_;
  std::span<const Evicted> evicted_;
};

/// Which expert is in which slab, and which may leave. Integers only: no device, no bytes, no clock; the
/// caller moves the bytes and orders them by events. One thread. No allocation after construction.
///
/// Invariants, checked by check_invariants() and asserted in the destructor:
///  - an expert has at most one slab and a slab at most one expert;
///  - a slab is free, lent, or holds an expert that is leased, in the policy's order, or an unused prefetch;
///  - outside a lease at most cache_slabs experts, less the lent slabs, are in the policy's order, and at
///    most cache_slabs + staging_slabs slabs are taken at any time;
///  - a slab's generation changes whenever it is given another expert.
class ExpertCache {
 public:
  /// Throws Error{usage} for 0 cache slabs. `first_generation` lets a test start next to the wrap-around.
  ExpertCache(ExpertGrid grid, CacheSize size, std::unique_ptr<EvictionPolicy> policy,
              Generation first_generation = Generation{0});
  ~ExpertCache();
  ExpertCache(const ExpertCache&) = delete;
  ExpertCache& operator=(const ExpertCache&) = delete;

  /// The engine enters a layer: policies that follow the cyclic order of the layers need to know.
  void begin_layer(LayerId layer, std::uint64_t step);
  /// Unused prefetches for `layer`, which has now run, become the first to go. Returns what left.
  std::span<const Evicted> end_layer(LayerId layer);

  /// Classifies `wanted` (distinct, ascending, of one layer) together: all hits are leased first, then slabs
  /// are found for the misses: a free one, else the policy's victim, else the newest unused prefetch; what
  /// finds none is deferred, and so is what the policy would rather not evict anything for, where there are
  /// staging slabs: it passes through them in later rounds. At least one expert is leased when `wanted` is
  /// not empty. With `bypass` (prefill) the order stays as it is: hits keep their place in it, misses take
  /// free slabs only and become the first to go when the lease ends. Where that would lease nothing at all, a
  /// single slab is made free as for any miss, so that the rounds come to an end. While such a lease holds
  /// hits, nothing is evicted for prefetches or other tenants. Throws Error{usage} when `wanted` is not as
  /// described, Error{check_failed} when a lease is alive.
  [[nodiscard]] LayerLease acquire(std::span<const ExpertIndex> wanted, bool bypass = false);

  /// A slab to prefetch `expert` into, or nothing when the expert is here already or nothing may leave for
  /// it: a free slab, else the policy's victim's where the policy allows that. Then evicted_by_prefetch()
  /// says what left, valid until the next call. Throws Error{usage} for an expert outside the grid.
  [[nodiscard]] std::optional<SlabTicket> reserve_prefetch(ExpertIndex expert);
  /// The chance that what a prefetch would evict is wanted before long, as far as the policy knows; 0 where
  /// a slab is free.
  [[nodiscard]] float victim_chance() const noexcept {
    return slabs_.free_count() > 0 || ordered_ == 0 ? 0 : policy_->victim_chance();
  }
  [[nodiscard]] std::span<const Evicted> evicted_by_prefetch() const noexcept { return left_; }

  /// The copy for `ticket` has finished. False, and nothing changes, when the ticket is of an old generation.
  bool complete(SlabTicket ticket) noexcept;
  /// The copy for `ticket` will not finish (failed or dropped before it began): an unleased slab is freed.
  /// False, and nothing changes, when the ticket is of an old generation or leased, or its copy complete.
  bool abandon(SlabTicket ticket) noexcept;

  /// Takes one slab out of the cache for another tenant: a free one, else the policy's victim's. Nothing when
  /// all are leased or prefetched, or when it would leave no cache slab. Capacity shrinks by one, which may
  /// make another expert leave. Policies keep the proportions that they were built with.
  [[nodiscard]] std::optional<SlabId> lend();
  [[nodiscard]] std::span<const Evicted> evicted_by_lend() const noexcept { return left_; }
  /// Gives a lent slab back. Throws Error{check_failed} when it is not lent.
  void reclaim(SlabId slab);

  /// The ticket of a resident or loading expert.
  [[nodiscard]] std::optional<SlabTicket> find(ExpertIndex expert) const noexcept;
  /// here [experts]: 1 for each expert of `layer` that is resident or loading, else 0.
  void mark_here(LayerId layer, std::span<std::uint8_t> here) const noexcept;
  /// Whether all experts of `layer` are resident or loading.
  [[nodiscard]] bool has_all(LayerId layer) const noexcept {
    return here_of_[layer.index()] == grid_.experts;
  }
  /// Whether, with the slabs that are not lent, no expert ever has to leave.
  [[nodiscard]] bool has_slab_for_all() const noexcept { return capacity() >= grid_.size(); }
  [[nodiscard]] bool is_loading(ExpertIndex expert) const noexcept;
  [[nodiscard]] bool is_leased(ExpertIndex expert) const noexcept;
  /// Slabs that hold an expert.
  [[nodiscard]] std::uint32_t occupied_slabs() const noexcept {
    return slabs_.size() - slabs_.free_count() - lent_;
  }
  [[nodiscard]] std::uint32_t lent_slabs() const noexcept { return lent_; }
  /// Prefetches here, complete or loading, that no layer has leased.
  [[nodiscard]] std::uint32_t unused_prefetches() const noexcept { return unused_prefetches_; }
  [[nodiscard]] CacheSize size() const noexcept { return size_; }
  [[nodiscard]] const ExpertGrid& grid() const noexcept { return grid_; }
  [[nodiscard]] const EvictionPolicy& policy() const noexcept { return *policy_; }

  /// Throws Error{check_failed} that names the first broken invariant. O(slabs + experts).
  void check_invariants() const;

 private:
  friend class LayerLease;

  /// What the cache knows of one expert; absent while `slab` is no_slab.
  struct Entry {
    SlabId slab = no_slab;
    Generation generation;  ///< of the slab, when it was given to this expert
    bool leased = false;
    bool in_order = false;  ///< in the policy's order; of leased ones only hits of a bypass
    bool loading = false;
    bool unused_prefetch = false;  ///< prefetched and never leased
  };

  static constexpr SlabId no_slab{~std::uint32_t{0}};
  static constexpr ExpertIndex nobody{~std::uint32_t{0}};
  static constexpr ExpertIndex another_tenant{~std::uint32_t{0} - 1};

  [[nodiscard]] bool is_here(const Entry& entry) const noexcept { return entry.slab != no_slab; }
  [[nodiscard]] SlabTicket ticket_of(ExpertIndex expert, const Entry& entry) const noexcept {
    return {expert, entry.slab, entry.generation};
  }
  [[nodiscard]] Entry* find_filling(SlabTicket ticket) noexcept;
  [[nodiscard]] std::uint32_t capacity() const noexcept { return size_.cache_slabs - lent_; }
  [[nodiscard]] bool may_evict() const noexcept { return ordered_ > 0 && !bypass_hits_are_leased_; }

  void require_layer(LayerId layer) const;
  void require_acquirable(std::span<const ExpertIndex> wanted) const;
  void lease_hit(ExpertIndex expert, Entry& entry, bool bypass);
  void lease_miss(ExpertIndex expert, Entry& entry, bool bypass);
  [[nodiscard]] bool can_find_slab(bool bypass) const noexcept;
  [[nodiscard]] bool waits_for_staging(ExpertIndex expert) const noexcept;
  [[nodiscard]] SlabId slab_for_miss();
  void give_slab(SlabId slab, ExpertIndex expert, Entry& entry) noexcept;
  [[nodiscard]] SlabId evict_from_order(std::vector<Evicted>& list);
  [[nodiscard]] SlabId drop_newest_prefetch(std::vector<Evicted>& list);
  [[nodiscard]] SlabId empty_slab_of(ExpertIndex expert, std::vector<Evicted>& list);
  void stop_waiting(ExpertIndex expert) noexcept;
  void enter_order(ExpertIndex expert, Entry& entry, bool as_used);
  void release_leases();
  void trim();

  void check_slabs() const;
  void check_experts() const;
  void check_counts() const;

  ExpertGrid grid_;
  CacheSize size_;
  std::unique_ptr<EvictionPolicy> policy_;
  bool policy_evicts_for_prefetch_;
  SlabPool slabs_;
  std::vector<Entry> entries_;           ///< [experts]
  std::vector<std::uint32_t> here_of_;   ///< [layers] how many of its experts have a slab
  std::vector<ExpertIndex> holders_;     ///< [slabs] the expert there, nobody, or another_tenant
  std::vector<Generation> generations_;  ///< [slabs] of the latest filling
  IndexLinks links_;
  IndexList waiting_prefetches_;           ///< neither leased nor in the order; the newest in front
  std::vector<std::uint32_t> waiting_of_;  ///< [layers] how many of them
  std::uint32_t ordered_ = 0;              ///< experts in the policy's order
  std::uint32_t unused_prefetches_ = 0;
  std::uint32_t lent_ = 0;

  // Of the lease that is alive.
  bool lease_is_alive_ = false;
  bool lease_is_bypass_ = false;
  bool bypass_hits_are_leased_ = false;
  std::vector<Acquired> hits_;
  std::vector<Acquired> misses_;
  std::vector<ExpertIndex> leased_;  ///< both, ascending
  std::vector<ExpertIndex> deferred_;
  std::vector<Evicted> evicted_;

  std::vector<Evicted> left_;  ///< what the latest call but acquire made leave
};

}  // namespace prophet
