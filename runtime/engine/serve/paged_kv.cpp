#include "runtime/engine/serve/paged_kv.hpp"

#include <algorithm>

#include "prophet/error.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

/// Slabs that are looked at for one that is easy to empty.
constexpr std::size_t looked_at_max = 64;
/// Sequences for each request that may run: swapped ones count too.
constexpr std::uint32_t sequences_per_running = 4;

KvCacheOptions cache_options(const PagedKvOptions& options) {
  KvCacheOptions cache;
  cache.sequences_max =
      std::min(options.running_max + options.requests, sequences_per_running * options.running_max);
  cache.context_tokens_max = options.context_tokens_max;
  cache.host_slots = static_cast<std::uint32_t>(options.host_bytes / options.plan.geometry.page_bytes);
  return cache;
}

PageGrid grid_of(const Arena& arena, const PagedKvOptions& options) {
  return PageGrid::plan(arena.stride_bytes, arena.slabs, options.plan.geometry.page_bytes);
}

}  // namespace

PagedKv::PagedKv(Device& device, StepLoop& loop, const PagedKvOptions& options)
    : device_(device),
      loop_(loop),
      chunk_tokens_max_(options.chunk_tokens_max),
      grid_(grid_of(loop.slabs().arena(), options)),
      cache_(options.plan.geometry, grid_, cache_options(options)),
      tenant_(device, loop.shared_cache(), loop.transfers(), cache_,
              {loop.slabs().bytes(), loop.slabs().arena().stride_bytes}, loop.compute_stream(),
              {options.leaving_max}),
      sequences_(options.requests) {
  slabs_.reserve(grid_.slabs);
}

/// What has left for the slab is told also when the device has then refused.
bool PagedKv::lend() {
  std::optional<SlabId> slab;
  try {
    slab = tenant_.lend();
  } catch (const Error&) {
    loop_.left(loop_.cache().evicted_by_lend());
    throw;
  }
  if (!slab) return false;
  loop_.left(loop_.cache().evicted_by_lend());
  slabs_.push_back(*slab);
  return true;
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

bool PagedKv::take_back() {
  if (slabs_.empty()) return false;
  const std::size_t at = emptiest();
  const KvReclaimed reclaimed = tenant_.reclaim(slabs_[at]);
  if (reclaimed == KvReclaimed::deferred || reclaimed == KvReclaimed::no_room) return false;
  slabs_.erase(slabs_.begin() + static_cast<std::ptrdiff_t>(at));
  return true;
}

void PagedKv::settle() {
  device_.synchronize();
  while (tenant_.leaving() != 0) {
    (void)tenant_.pump();
    device_.synchronize();
  }
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

std::optional<std::uint64_t> PagedKv::swap_out(RequestId request) {
  const auto swaps = cache_.swap_out(sequences_[request.index()]);
  if (!swaps) return std::nullopt;
  tenant_.swap_out(*swaps);
  return swaps->size();
}

std::optional<std::uint64_t> PagedKv::swap_in(RequestId request) {
  const auto swaps = cache_.swap_in(sequences_[request.index()]);
  if (!swaps) return std::nullopt;
  tenant_.swap_in(*swaps);
  return swaps->size();
}

void PagedKv::begin_pass() {
  for (std::uint32_t refusals = 0;; ++refusals) {
    try {
      tenant_.begin_step(pass_ + 1);
      ++pass_;
      return;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::out_of_memory || refusals == refusals_max) throw;
    }
  }
}

std::uint64_t PagedKv::pages_for(std::uint32_t tokens) const {
  std::uint64_t pages = cache_.geometry().state_pages();
  for (const KvGroup& group : cache_.geometry().groups) {
    std::uint64_t held = tokens;
    if (group.window_tokens != 0)
      held = std::min<std::uint64_t>(held, std::uint64_t{group.window_tokens} + chunk_tokens_max_);
    pages += ceil_div(held, group.page_tokens) * group.layers;
  }
  return pages;
}

}  // namespace prophet
