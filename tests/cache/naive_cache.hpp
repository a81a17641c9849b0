#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "runtime/cache/expert_cache.hpp"

namespace prophet::testing_support {

/// ExpertCache once more, written to be obviously right: one map of what is here, everything counted anew
/// where it is needed. Its policy is a naive one.
class NaiveCache {
 public:
  struct Round {
    std::vector<Acquired> hits;
    std::vector<Acquired> misses;
    std::vector<ExpertIndex> deferred;
    std::vector<Evicted> evicted;
  };
  struct Entry {
    SlabTicket ticket;
    bool leased = false;
    bool in_order = false;
    bool loading = true;
    bool unused_prefetch = false;
  };

  NaiveCache(ExpertGrid grid, CacheSize size, std::unique_ptr<EvictionPolicy> policy, Generation first);

  void begin_layer(LayerId layer, std::uint64_t step) { policy_->begin_layer(layer, step); }
  std::vector<Evicted> end_layer(LayerId layer);
  Round acquire(std::span<const ExpertIndex> wanted, bool bypass);
  std::vector<Evicted> release();
  std::optional<SlabTicket> reserve_prefetch(ExpertIndex expert, std::vector<Evicted>& left);
  bool complete(SlabTicket ticket);
  bool abandon(SlabTicket ticket);
  std::optional<SlabId> lend(std::vector<Evicted>& left);
  void reclaim(SlabId slab);

  [[nodiscard]] const std::map<ExpertIndex, Entry>& here() const { return here_; }
  [[nodiscard]] const std::set<SlabId>& lent() const { return lent_; }

 private:
  [[nodiscard]] bool bypass_holds_hits() const;
  [[nodiscard]] bool fills(SlabTicket ticket) const;
  Entry& fill(SlabId slab, ExpertIndex expert);
  SlabId remove(ExpertIndex expert, std::vector<Evicted>& left);
  SlabId evict(std::vector<Evicted>& left);
  std::optional<SlabId> free_slab();
  std::optional<SlabId> slab_for_miss(bool only_free, std::vector<Evicted>& left);
  void trim(std::vector<Evicted>& left);

  ExpertGrid grid_;
  CacheSize size_;
  std::unique_ptr<EvictionPolicy> policy_;
  std::vector<SlabId> free_;
  std::vector<Generation> generations_;
  std::map<ExpertIndex, Entry> here_;
  std::list<ExpertIndex> waiting_;  ///< unused prefetches outside the order, the newest in front
  std::set<SlabId> lent_;
  bool bypass_ = false;
};

}  // namespace prophet::testing_support
