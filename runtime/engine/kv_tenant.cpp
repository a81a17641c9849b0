#include "runtime/engine/kv_tenant.hpp"

#include "prophet/error.hpp"

namespace prophet {

KvTenant::KvTenant(Device& device, ExpertCache& experts, TransferQueue& transfers, KvCache& kv,
                   const PageMemory& memory, StreamId compute, const KvTenantOptions& options)
    : device_(device),
      kv_(kv),
      leaving_(places(device, options.leaving_max)),
      lender_(device, experts, transfers),
      copier_(device, memory, kv.pool().page_pool().grid(), kv.options().host_slots, compute) {}

std::vector<KvTenant::Leaving> KvTenant::places(Device& device, std::uint32_t leaving_max) {
  if (leaving_max == 0) throw Error(ErrorCode::usage, "KV tenant: leaving_max is 0: expected at least 1");
  std::vector<Leaving> places;
  places.reserve(leaving_max);
  for (std::uint32_t i = 0; i < leaving_max; ++i) places.push_back({Event(device), std::nullopt, 0, false});
  return places;
}

std::optional<SlabId> KvTenant::lend() {
  const std::optional<SlabId> slab = lender_.lend(copier_.stream());
  if (!slab) return std::nullopt;
  kv_.pool().add_slab(*slab);
  copier_.note_lent();
  return slab;
}

KvReclaimed KvTenant::reclaim(SlabId slab) {
  if (!kv_.pool().is_running()) copier_.submit();
  const ReclaimPlan plan = kv_.pool().plan_reclaim(slab);
  if (plan.outcome == ReclaimPlan::Outcome::no_room) return KvReclaimed::no_room;
  // What is queued in the middle of a step may yet read the slab.
  if (plan.outcome == ReclaimPlan::Outcome::deferred || !copier_.is_idle()) return KvReclaimed::deferred;
  if (plan.moves.empty()) {
    give_back_empty(slab);
    return KvReclaimed::taken_back;
  }
  Leaving* const place = free_place();
  if (place == nullptr) return KvReclaimed::deferred;
  move_pages(slab, plan.moves, *place);
  return KvReclaimed::under_way;
}

/// Kernels of steps that have ended may still run over what was there.
void KvTenant::give_back_empty(SlabId slab) {
  copier_.order_behind_compute();
  lender_.take_back(slab, copier_.stream());
  kv_.pool().commit_reclaim(slab);
}

/// A refusal before the first copy leaves everything as it was. Behind it pages that were given up for the
/// moves have been overwritten, so there is no way back: the rest stays queued.
void KvTenant::move_pages(SlabId slab, std::span<const PageCopy> moves, Leaving& place) {
  const std::uint64_t before = copier_.submitted();
  copier_.add(moves);
  const std::uint64_t last = copier_.asked();
  try {
    copier_.submit();
  } catch (const Error&) {
    if (copier_.submitted() == before) {
      copier_.forget_queued();
      throw;
    }
  }
  kv_.pool().commit_reclaim(slab);
  place.slab = slab;
  place.last = last;
  place.recorded = false;
  ++leaving_count_;
  moved_pages_ += moves.size();
}

std::uint32_t KvTenant::pump() {
  if (leaving_count_ == 0) return 0;
  if (!kv_.pool().is_running()) copier_.submit();
  std::uint32_t given_back = 0;
  for (Leaving& one : leaving_) {
    if (!one.slab || !has_moved(one)) continue;
    lender_.take_back(*one.slab, copier_.stream());
    kv_.pool().finish_reclaim(*one.slab);
    one.slab.reset();
    --leaving_count_;
    ++given_back;
  }
  return given_back;
}

/// Records the event behind the moves when that has not been done yet.
bool KvTenant::has_moved(Leaving& one) {
  if (copier_.submitted() < one.last) return false;
  if (!one.recorded) device_.record(copier_.stream(), one.moved.id());
  one.recorded = true;
  return device_.done(one.moved.id());
}

KvTenant::Leaving* KvTenant::free_place() noexcept {
  for (Leaving& one : leaving_) {
    if (!one.slab) return &one;
  }
  return nullptr;
}

void KvTenant::copy(std::span<const PageCopy> copies) {
  copier_.add(copies);
  submit_if_idle();
}

void KvTenant::swap_out(std::span<const KvSwap> swaps) {
  copier_.add_to_host(swaps);
  submit_if_idle();
}

void KvTenant::swap_in(std::span<const KvSwap> swaps) {
  copier_.add_from_host(swaps);
  submit_if_idle();
}

/// Between steps copies begin at once. The books have changed for them already, so a refusal is left to
/// begin_step, which tries again.
void KvTenant::submit_if_idle() noexcept {
  if (kv_.pool().is_running()) return;
  try {
    copier_.submit();
  } catch (const Error&) {
    // Still queued.
  }
}

void KvTenant::begin_step(std::uint64_t step) {
  copier_.submit();
  copier_.order_compute();
  kv_.pool().begin_step(step);
}

void KvTenant::end_step(std::uint64_t step) {
  kv_.pool().end_step(step);
}

}  // namespace prophet
