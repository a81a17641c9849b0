#include "tests/engine/tenant_world.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "kernels/checksum.hpp"
#include "runtime/base/random.hpp"
#include "runtime/cache/make_policy.hpp"

namespace prophet::engine_test {
namespace {

constexpr std::array<std::uint32_t, 1> row{0};

std::unique_ptr<EvictionPolicy> lru(std::uint32_t slabs) {
  PolicyOptions options;
  options.grid = TenantWorld::grid;
  options.cache_slabs = slabs;
  return make_policy("lru", options);
}

/// Two layers that attend to everything, and one with a window.
KvGeometry geometry() {
  constexpr std::uint64_t token_bytes = TenantWorld::page_bytes / TenantWorld::page_tokens;
  return {{{2, token_bytes, 0, TenantWorld::page_tokens}, {1, token_bytes, 8, TenantWorld::page_tokens}},
          0,
          TenantWorld::page_bytes};
}

KvCacheOptions kv_options() {
  KvCacheOptions options;
  options.sequences_max = 6;
  options.context_tokens_max = 40;
  options.host_slots = TenantWorld::host_slots;
  return options;
}

/// Sound fp32 numbers, so that the kernels which read them stay fast. Returns the pages' checksums.
std::vector<std::uint64_t> fill_patterns(Device& device, BufferView view) {
  std::vector<std::uint64_t> checksums(TenantWorld::patterns, 0);
  const std::span<std::byte> bytes = device.host_bytes(view);
  if (bytes.empty()) return checksums;
  Random random(5);
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(float)) {
    const auto value = static_cast<float>(random.uniform() - 0.5);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
  for (std::uint32_t p = 0; p < TenantWorld::patterns; ++p)
    checksums[p] = kernels::checksum(bytes.subspan(p * TenantWorld::page_bytes, TenantWorld::page_bytes));
  return checksums;
}

}  // namespace

TenantWorld::TenantWorld(std::unique_ptr<Device> inner, std::uint32_t slab_count)
    : device(std::move(inner)),
      store(device, grid, expert_bytes, random_weights(1, 0.1F)),
      arena(Arena::plan(expert_bytes, slab_count)),
      slabs(device, MemoryKind::device, arena.total_bytes()),
      hidden(device, MemoryKind::device, 256),
      output(device, MemoryKind::device, 256),
      pattern_bytes(device, MemoryKind::host_pinned, patterns * page_bytes),
      checksums(fill_patterns(device, pattern_bytes.view())),
      cache(grid, {slab_count, 0}, lru(slab_count)),
      queue(device, store, arena, slabs.view(), cache, {page_bytes, 2, 8, false, 0}),
      kv(geometry(), PageGrid::plan(expert_bytes, slab_count, page_bytes), kv_options()),
      compute(device, StreamRole::compute),
      layer_done(device),
      tenant(device, cache, queue, kv, {slabs.view(), arena.stride_bytes}, compute.id()) {}

void TenantWorld::write(BufferView page, std::uint32_t number) {
  device.copy(compute.id(), page, pattern(number), number);
}

void TenantWorld::verify(BufferView page, std::uint32_t number) {
  ExpertOp op;
  op.slab = page;
  op.source = pattern(number);
  op.hidden = hidden.view();
  op.output = output.view();
  op.rows = row;
  op.hidden_size = hidden_size;
  op.checksum = checksums[number];
  op.verify = true;
  device.launch(compute.id(), op, number);
}

void TenantWorld::leave(std::span<const Evicted> gone) {
  for (const Evicted& one : gone) {
    if (one.unused_prefetch && one.was_loading) queue.cancel(one.ticket);
  }
}

void TenantWorld::read_expert(const SlabTicket& ticket) {
  device.wait(compute.id(), queue.ready(ticket.slab));
  ExpertOp op;
  op.slab = queue.slab_view(ticket.slab);
  op.source = store.expert(ticket.expert);
  op.hidden = hidden.view();
  op.output = output.view();
  op.rows = row;
  op.hidden_size = hidden_size;
  op.checksum = store.checksum(ticket.expert);
  op.verify = true;
  device.launch(compute.id(), op, ticket.expert.value);
  queue.note_reads(ticket.slab);
}

void TenantWorld::read_experts(const std::vector<ExpertIndex>& wanted) {
  std::vector<ExpertIndex> left = wanted;
  while (!left.empty()) {
    LayerLease lease = cache.acquire(left);
    leave(lease.evicted());
    for (const Acquired& hit : lease.hits()) {
      if (hit.outcome == Outcome::hit_late) queue.promote(hit.ticket);
    }
    for (const Acquired& miss : lease.misses()) queue.demand(miss.ticket);
    for (const Acquired& hit : lease.hits()) read_expert(hit.ticket);
    for (const Acquired& miss : lease.misses()) read_expert(miss.ticket);
    queue.record_reads(compute.id());
    left.assign(lease.deferred().begin(), lease.deferred().end());
    leave(lease.release());
  }
}

void TenantWorld::prefetch(ExpertIndex expert) {
  const auto ticket = queue.has_room() ? cache.reserve_prefetch(expert) : std::nullopt;
  if (ticket) {
    leave(cache.evicted_by_prefetch());
    queue.prefetch(*ticket, grid.layer(expert));
  }
  queue.pump();
}

void TenantWorld::finish_layer() {
  device.record(compute.id(), layer_done.id());
  device.synchronize(layer_done.id());
  queue.confirm_compute();
  queue.pump();
}

std::optional<SlabId> TenantWorld::lend() {
  std::optional<SlabId> slab;
  try {
    slab = tenant.lend();
  } catch (const Error&) {
    leave(cache.evicted_by_lend());
    throw;
  }
  leave(cache.evicted_by_lend());
  return slab;
}

void TenantWorld::lend_all() {
  while (lend()) continue;
}

void TenantWorld::pump_all() {
  while (tenant.leaving() > 0) {
    if (tenant.pump() == 0) device.synchronize();
  }
}

void TenantWorld::settle() {
  queue.drain();
  device.synchronize();
  queue.confirm_compute();
  cache.check_invariants();
  kv.check_invariants();
}

KvSequenceId TenantWorld::begin_sequence(std::uint32_t tokens, std::uint64_t step, std::uint32_t first) {
  const std::optional<KvAdmitted> admitted = kv.admit_unnamed(tokens);
  if (!admitted) throw Error(ErrorCode::check_failed, "no room for a sequence");
  tenant.begin_step(step);
  for (std::size_t g = 0; g < kv.geometry().groups.size(); ++g) {
    const auto blocks = kv.blocks(admitted->sequence, KvGroupId{static_cast<std::uint32_t>(g)});
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      if (blocks[b] == no_block) continue;
      const auto pages = kv.pool().pages(blocks[b]);
      for (std::size_t l = 0; l < pages.size(); ++l) write(tenant.page(pages[l]), pattern_of(first, g, b, l));
    }
  }
  tenant.end_step(step);
  return admitted->sequence;
}

void TenantWorld::submit_reads(KvSequenceId sequence, std::uint32_t first) {
  for (std::size_t g = 0; g < kv.geometry().groups.size(); ++g) {
    const auto blocks = kv.blocks(sequence, KvGroupId{static_cast<std::uint32_t>(g)});
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      if (blocks[b] == no_block) continue;
      const auto pages = kv.pool().pages(blocks[b]);
      for (std::size_t l = 0; l < pages.size(); ++l)
        verify(tenant.page(pages[l]), pattern_of(first, g, b, l));
    }
  }
}

void TenantWorld::read_sequence(KvSequenceId sequence, std::uint64_t step, std::uint32_t first) {
  tenant.begin_step(step);
  submit_reads(sequence, first);
  tenant.end_step(step);
}

}  // namespace prophet::engine_test
