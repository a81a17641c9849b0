#pragma once

#include <vector>

#include "prophet/expert_grid.hpp"
#include "runtime/cache/eviction_policy.hpp"
#include "runtime/cache/index_list.hpp"

namespace prophet {

/// ARC (Megiddo and Modha, FAST 2003). T1 holds experts used once, T2 experts used again; B1 and B2 remember
/// what left them. A miss that B1 remembers raises the target size p of T1, one that B2 remembers lowers it.
///
/// How the paper's rules meet leases: an expert is out of T1 and T2 while it is leased, and enters on
/// release, T1 after a miss that no ghost remembers, T2 else; sizes count what is in the lists. Cold experts
/// wait in a list of their own that leaves first, without a ghost. |T1| + |B1| <= c and all four together
/// <= 2c hold by dropping the oldest ghosts. c is the number of cache slabs. Every call is O(1).
class ArcPolicy final : public EvictionPolicy {
 public:
  ArcPolicy(ExpertGrid grid, std::uint32_t cache_slabs);

  [[nodiscard]] std::string_view name() const noexcept override { return "arc"; }
  void begin_layer(LayerId layer, std::uint64_t step) override;
  void lease(ExpertIndex expert) override;
  void miss(ExpertIndex expert) override;
  void release(ExpertIndex expert) override;
  void admit_cold(ExpertIndex expert) override;
  [[nodiscard]] ExpertIndex evict() override;
  void withdraw(ExpertIndex expert) override;
  [[nodiscard]] std::uint32_t size() const noexcept override {
    return t1_.size() + t2_.size() + cold_.size();
  }
  [[nodiscard]] bool contains(ExpertIndex expert) const noexcept override;
  /// p: what T1 should hold, between 0 and the cache slabs.
  [[nodiscard]] std::uint32_t t1_target() const noexcept { return t1_target_; }

 private:
  enum class Place : std::uint8_t { unknown, t1, t2, b1, b2, cold, leased_for_t1, leased_for_t2 };

  [[nodiscard]] IndexList& list_of(Place place) noexcept;
  void remove(ExpertIndex expert);
  void push(IndexList& list, Place place, ExpertIndex expert);
  ExpertIndex forget_oldest(IndexList& list);
  void trim_ghosts();

  IndexLinks links_;
  IndexList t1_;
  IndexList t2_;
  IndexList b1_;
  IndexList b2_;
  IndexList cold_;
  std::vector<Place> place_;
  std::uint32_t cache_slabs_;
  std::uint32_t t1_target_ = 0;
  bool last_miss_was_in_b2_ = false;
};

}  // namespace prophet
