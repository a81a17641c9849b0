#pragma once

#include <cstdint>
#include <string_view>

#include "prophet/ids.hpp"

namespace prophet {

/// Chooses which expert leaves the cache. Host logic over ids: no device, no time, no allocation after
/// construction, one thread. Each call is O(1) or O(log experts).
///
/// The cache owns residency; the policy owns the *order* of the evictable experts. An expert is in the order
/// from release(), admit_cold() until lease(), evict() or withdraw(). A leased expert is not in the order, so
/// a victim is never one that the running layer needs. Evicted experts may stay known as history (ghosts).
class EvictionPolicy {
 public:
  virtual ~EvictionPolicy() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  /// Layer `layer` of step `step` is about to be classified. Called once a layer, in execution order.
  virtual void begin_layer(LayerId layer, std::uint64_t step) = 0;
  /// A resident expert of the order is leased: it leaves the order. REQUIRES: in the order.
  virtual void lease(ExpertIndex expert) = 0;
  /// An expert that is not in the order (absent, or a prefetch that waits for its first use) is wanted by the
  /// running layer and will be leased. Comes before the evict() that makes room for it.
  virtual void miss(ExpertIndex expert) = 0;
  /// The lease that lease() or miss() announced ended: the expert enters the order as just used. Called in
  /// ascending index within a layer.
  virtual void release(ExpertIndex expert) = 0;
  /// The expert enters the order as the first to go (a prefetch that was not wanted, an expert that only
  /// passed through). Not a use. REQUIRES: not in the order, and no lease of it was announced.
  virtual void admit_cold(ExpertIndex expert) = 0;
  /// Takes the expert to evict out of the order and returns it. REQUIRES: size() > 0.
  [[nodiscard]] virtual ExpertIndex evict() = 0;
  /// The expert leaves the order for another reason than the policy's choice. REQUIRES: in the order.
  virtual void withdraw(ExpertIndex expert) = 0;
  /// Experts in the order.
  [[nodiscard]] virtual std::uint32_t size() const noexcept = 0;
  /// Whether the expert is in the order; for checks.
  [[nodiscard]] virtual bool contains(ExpertIndex expert) const noexcept = 0;
  /// Whether an expert may be evicted to make room for a prefetch; if not, prefetches use free slabs only.
  [[nodiscard]] virtual bool evicts_for_prefetch() const noexcept { return true; }
  /// Whether what evict() would take is worth more than `wanted`, an expert that is not here and that miss()
  /// has not announced: then that one should rather pass through a staging slab. REQUIRES: size() > 0.
  [[nodiscard]] virtual bool keeps_rather_than(ExpertIndex /*wanted*/) const noexcept { return false; }
  /// The chance, as far as the policy knows, that what evict() would take is wanted before long; 0: it knows
  /// nothing. REQUIRES: size() > 0.
  [[nodiscard]] virtual float victim_chance() const noexcept { return 0; }
};

}  // namespace prophet
