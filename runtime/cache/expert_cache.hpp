#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"
#include "runtime/cache/eviction_policy.hpp"
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
};

/// An expert that left the cache.
struct Evicted {
  SlabTicket ticket;
  bool was_loading = false;      ///< its copy is unfinished: cancel what is not yet submitted
  bool unused_prefetch = false;  ///< prefetched and never leased: wasted
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
  /// Ends the lease now. Returns what then left the cache (down to cache_slabs), valid until the next call.
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
///  - a slab is free, or holds an expert that is leased, in the policy's order, or an unused prefetch;
///  - outside a lease at most cache_slabs experts are in the policy's order, and at most
///    cache_slabs + staging_slabs slabs are taken at any time;
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
  /// finds none is deferred. At least one expert is leased when `wanted` is not empty.
  /// With `bypass` (prefill) nothing of the order is evicted while a free slab exists, misses are given
  /// back as first to go, and hits keep their place in the order as far as the policy can.
  [[nodiscard]] LayerLease acquire(std::span<const ExpertIndex> wanted, bool bypass = false);

  /// A slab to prefetch `expert` into, or nothing when the expert is here already or nothing may leave for
  /// it. Then evicted_by_prefetch() says what left, valid until the next call.
  [[nodiscard]] std::optional<SlabTicket> reserve_prefetch(ExpertIndex expert);
  [[nodiscard]] std::span<const Evicted> evicted_by_prefetch() const noexcept { return evicted_list_; }

  /// The copy for `ticket` has finished. False, and nothing changes, when the ticket is of an old generation.
  bool complete(SlabTicket ticket) noexcept;
  /// The copy for `ticket` will not finish (failed or dropped before it began): an unleased slab is freed.
  /// False, and nothing changes, when the ticket is of an old generation or leased.
  bool abandon(SlabTicket ticket) noexcept;

  /// Takes one slab out of the cache for another tenant: a free one, else the policy's victim's. Nothing when
  /// all are leased or prefetched, or when it would leave no cache slab. Capacity shrinks by one.
  [[nodiscard]] std::optional<SlabId> lend();
  [[nodiscard]] std::span<const Evicted> evicted_by_lend() const noexcept { return evicted_list_; }
  /// Gives a lent slab back. REQUIRES: lent.
  void reclaim(SlabId slab);

  /// The ticket of a resident or loading expert.
  [[nodiscard]] std::optional<SlabTicket> find(ExpertIndex expert) const noexcept;
  [[nodiscard]] bool is_loading(ExpertIndex expert) const noexcept;
  [[nodiscard]] bool is_leased(ExpertIndex expert) const noexcept;
  [[nodiscard]] std::uint32_t occupied_slabs() const noexcept;
  [[nodiscard]] CacheSize size() const noexcept { return size_; }
  [[nodiscard]] const ExpertGrid& grid() const noexcept { return grid_; }
  [[nodiscard]] const EvictionPolicy& policy() const noexcept { return *policy_; }

  /// Throws Error{check_failed} that names the first broken invariant. O(slabs + experts).
  void check_invariants() const;

 private:
  friend class LayerLease;

  ExpertGrid grid_;
  CacheSize size_;
  std::unique_ptr<EvictionPolicy> policy_;
  std::vector<Evicted> evicted_list_;
};

}  // namespace prophet
