#include "runtime/transfer/slab_lender.hpp"

namespace prophet {

std::optional<SlabId> SlabLender::lend(StreamId stream) {
  const std::optional<SlabId> slab = cache_.lend();
  if (!slab) return std::nullopt;
  try {
    transfers_.wait_for_slab(stream, *slab);
  } catch (...) {
    cache_.reclaim(*slab);
    throw;
  }
  return slab;
}

void SlabLender::take_back(SlabId slab, StreamId stream) {
  device_.record(stream, tenant_done_.id());
  device_.wait(transfers_.demand_stream(), tenant_done_.id());
  device_.wait(transfers_.prefetch_stream(), tenant_done_.id());
  cache_.reclaim(slab);
}

}  // namespace prophet
