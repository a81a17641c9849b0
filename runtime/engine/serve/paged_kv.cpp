#include "runtime/engine/serve/paged_kv.hpp"

#include <algorithm>

#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

/// Slabs that are looked at for one that is easy to empty.
constexpr std::size_t looked_at_max = 64;

KvCacheOptions cache_options(const PagedKvOptions& options) {
  KvCacheOptions cache;
  cache.sequences_max = options.running_max + options.requests;  // swapped ones count too
  cache.sequences_max = std::min(cache.sequences_max, 4 * options.running_max);
  cache.context_tokens_max = options.context_tokens_max;
  cache.host_slots = static_cast<std::uint32_t>(options.host_bytes / options.plan.geometry.page_bytes);
  return cache;
}

}  // namespace

PagedKv::PagedKv(const PagedKvOptions& options)
    : options_(options),
      grid_(PageGrid::plan(options.slab_stride_bytes, options.slabs, options.plan.geometry.page_bytes)),
      cache_(options.plan.geometry, grid_, cache_options(options)),
      sequences_(options.requests) {
  slabs_.reserve(options.slabs);
}

void PagedKv::add_slab(SlabId slab) {
  cache_.pool().add_slab(slab);
  slabs_.push_back(slab);
}

/// Of the next few slabs the one of which least would have to move.
std::size_t PagedKv::emptiest() noexcept {
  std::size_t best = cursor_ % slabs_.size();
  std::uint32_t least = ~std::uint32_t{0};
  for (std::size_t i = 0; i < std::min(looked_at_max, slabs_.size()) && least > 0; ++i) {
    const std::size_t at = cursor_ % slabs_.size();
    const std::uint32_t live = cache_.pool().referenced_pages(slabs_[at]);
    if (live < least) {
      least = live;
      best = at;
    }
    if (least > 0) ++cursor_;
  }
  return best;
}

std::optional<KvSpace::Removal> PagedKv::plan_removal() {
  if (slabs_.empty()) return std::nullopt;
  const SlabId slab = slabs_[emptiest()];
  const ReclaimPlan plan = cache_.pool().plan_reclaim(slab);
  if (plan.outcome != ReclaimPlan::Outcome::ready) return std::nullopt;
  moves_.clear();
  for (const PageCopy& copy : plan.moves) {
    moves_.push_back({grid_.offset_bytes(copy.from, options_.slab_stride_bytes),
                      grid_.offset_bytes(copy.to, options_.slab_stride_bytes)});
  }
  return Removal{slab, moves_};
}

void PagedKv::give_up(const Removal& plan) {
  if (!cache_.pool().commit_reclaim(plan.slab)) cache_.pool().finish_reclaim(plan.slab);
  slabs_.erase(std::find(slabs_.begin(), slabs_.end(), plan.slab));
}

std::uint32_t PagedKv::find_prefix(std::span<const std::uint32_t> tokens) const {
  return cache_.find_prefix(tokens);
}

std::optional<std::uint32_t> PagedKv::admit(RequestId request, std::span<const std::uint32_t> tokens,
                                            std::uint32_t chunk) {
  const auto admitted = cache_.admit(tokens, chunk);
  if (!admitted) return std::nullopt;
  sequences_[request.index()] = admitted->sequence;
  return admitted->shared_tokens;
}

/// No copies: what sequences share are full blocks, which are not written any more.
bool PagedKv::append(RequestId request, std::span<const std::uint32_t> tokens) {
  return static_cast<bool>(cache_.append(sequences_[request.index()], tokens));
}

void PagedKv::release(RequestId request) {
  cache_.free(sequences_[request.index()]);
}

std::optional<std::span<const KvHostCopy>> PagedKv::swap_out(RequestId request) {
  const auto swaps = cache_.swap_out(sequences_[request.index()]);
  if (!swaps) return std::nullopt;
  return host_copies(*swaps);
}

std::optional<std::span<const KvHostCopy>> PagedKv::swap_in(RequestId request) {
  const auto swaps = cache_.swap_in(sequences_[request.index()]);
  if (!swaps) return std::nullopt;
  return host_copies(*swaps);
}

std::span<const KvHostCopy> PagedKv::host_copies(std::span<const KvSwap> swaps) {
  host_copies_.clear();
  for (const KvSwap& swap : swaps) {
    host_copies_.push_back(
        {grid_.offset_bytes(swap.page, options_.slab_stride_bytes), swap.slot.value * grid_.page_bytes});
  }
  return host_copies_;
}

std::uint64_t PagedKv::pages_for(std::uint32_t tokens) const {
  std::uint64_t pages = cache_.geometry().state_pages();
  for (const KvGroup& group : cache_.geometry().groups) {
    std::uint64_t held = tokens;
    if (group.window_tokens != 0)
      held = std::min<std::uint64_t>(held, std::uint64_t{group.window_tokens} + options_.chunk_tokens_max);
    pages += ceil_div(held, group.page_tokens) * group.layers;
  }
  return pages;
}

}  // namespace prophet
