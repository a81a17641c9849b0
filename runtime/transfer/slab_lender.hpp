#pragma once

#include <optional>

#include "prophet/ids.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet {

/// Gives slabs of the experts' arena to another tenant and takes them back ("re-typed slabs", docs/cuda.md):
/// a change of owner in the cache's books, and on the device the events that keep the two tenants apart. No
/// address changes, no byte is copied, and the host does not wait.
///
/// The tenant works on streams of its own, and uses a slab only between lend and take_back. Not for the token
/// path: copies for experts wait for the tenant's stream. One host thread; no allocation after construction.
/// The device, the cache and the queue must outlive it.
class SlabLender {
 public:
  SlabLender(Device& device, ExpertCache& cache, TransferQueue& transfers)
      : device_(device), cache_(cache), transfers_(transfers), tenant_done_(device) {}

  /// A slab for the tenant: what it submits to `stream` from now on comes behind the slab's last readers and
  /// every copy into it. Nothing when the cache can spare none. What had to leave, cache.evicted_by_lend()
  /// says: cancel its copies, as those of any victim, before the queue is pumped again. When the device
  /// refuses, throws, and the slab is the cache's again.
  [[nodiscard]] std::optional<SlabId> lend(StreamId stream);

  /// The slab is the cache's again: copies that are submitted from now on come behind what the tenant has
  /// submitted to `stream`. Throws Error{check_failed} when it is not lent; when the device refuses, throws,
  /// and the slab stays lent.
  void take_back(SlabId slab, StreamId stream);

 private:
  Device& device_;
  ExpertCache& cache_;
  TransferQueue& transfers_;
  Event tenant_done_;
};

}  // namespace prophet
