// Slabs that are given out and taken back outside a layer's lease: prefetches, finished copies, other
// tenants.
#include <fmt/format.h>

#include "prophet/error.hpp"
#include "runtime/cache/expert_cache.hpp"

namespace prophet {

std::optional<SlabTicket> ExpertCache::reserve_prefetch(ExpertIndex expert) {
  if (expert.value >= grid_.size()) {
    throw Error(ErrorCode::usage, fmt::format("expert cache: prefetch of expert {}, which is not one of {}",
                                              expert.value, grid_.size()));
  }
  left_.clear();
  Entry& entry = entries_[expert.index()];
  if (is_here(entry)) return std::nullopt;
  auto slab = slabs_.take();
  if (!slab && policy_evicts_for_prefetch_ && may_evict()) slab = evict_from_order(left_);
  if (!slab) return std::nullopt;
  give_slab(*slab, expert, entry);
  entry.unused_prefetch = true;
  ++unused_prefetches_;
  waiting_prefetches_.push_front(expert);
  ++waiting_of_[grid_.layer(expert).index()];
  return ticket_of(expert, entry);
}

bool ExpertCache::complete(SlabTicket ticket) noexcept {
  Entry* const entry = find_filling(ticket);
  if (entry == nullptr) return false;
  entry->loading = false;
  return true;
}

bool ExpertCache::abandon(SlabTicket ticket) noexcept {
  Entry* const entry = find_filling(ticket);
  if (entry == nullptr || entry->leased || !entry->loading) return false;
  if (entry->in_order) {
    policy_->withdraw(ticket.expert);
    --ordered_;
  } else {
    stop_waiting(ticket.expert);
  }
  if (entry->unused_prefetch) --unused_prefetches_;
  *entry = Entry{};
  holders_[ticket.slab.index()] = nobody;
  --here_of_[grid_.layer(ticket.expert).index()];
  slabs_.give_back(ticket.slab);
  return true;
}

std::optional<SlabId> ExpertCache::lend() {
  left_.clear();
  if (capacity() <= 1) return std::nullopt;
  auto slab = slabs_.take();
  if (!slab && may_evict()) slab = evict_from_order(left_);
  if (!slab) return std::nullopt;
  holders_[slab->index()] = another_tenant;
  ++lent_;
  trim();
  return slab;
}

void ExpertCache::reclaim(SlabId slab) {
  if (slab.value >= slabs_.size() || holders_[slab.index()] != another_tenant) {
    throw Error(ErrorCode::check_failed, fmt::format("expert cache: slab {} is not lent", slab.value));
  }
  holders_[slab.index()] = nobody;
  slabs_.give_back(slab);
  --lent_;
}

ExpertCache::Entry* ExpertCache::find_filling(SlabTicket ticket) noexcept {
  if (ticket.expert.value >= grid_.size()) return nullptr;
  Entry& entry = entries_[ticket.expert.index()];
  return is_here(entry) && ticket_of(ticket.expert, entry) == ticket ? &entry : nullptr;
}

std::optional<SlabTicket> ExpertCache::find(ExpertIndex expert) const noexcept {
  if (expert.value >= grid_.size() || !is_here(entries_[expert.index()])) return std::nullopt;
  return ticket_of(expert, entries_[expert.index()]);
}

void ExpertCache::mark_here(LayerId layer, std::span<std::uint8_t> here) const noexcept {
  const Entry* const of_layer = &entries_[grid_.index(layer, ExpertId{0}).index()];
  for (std::size_t e = 0; e < here.size(); ++e) here[e] = is_here(of_layer[e]) ? 1 : 0;
}

bool ExpertCache::is_loading(ExpertIndex expert) const noexcept {
  return expert.value < grid_.size() && entries_[expert.index()].loading;
}

bool ExpertCache::is_leased(ExpertIndex expert) const noexcept {
  return expert.value < grid_.size() && entries_[expert.index()].leased;
}

}  // namespace prophet
