#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/cache/make_policy.hpp"
#include "runtime/device/decorators/faulty_device.hpp"
#include "runtime/device/sim_device.hpp"
#include "runtime/transfer/transfer_queue.hpp"

namespace prophet::transfer_test {

/// A machine for mental arithmetic: one byte a nanosecond up the link, ten from memory, no latency, and a
/// host that needs one nanosecond for a submission.
inline GpuProfile plain_profile() {
  GpuProfile profile;
  profile.name = "plain";
  profile.memory_bytes = 1'000'000;
  profile.memory_bytes_per_s = 10e9;
  profile.flops_per_s = 1e12;
  profile.link_bytes_per_s = 1e9;
  profile.link_down_bytes_per_s = 1e9;
  profile.host_submit_ns = 1;
  return profile;
}

class SpanLog : public TimelineSink {
 public:
  void on_span(const TimelineSpan& span) override { spans.push_back(span); }
  /// Finished copies on one stream, in order.
  [[nodiscard]] std::vector<TimelineSpan> copies(StreamId stream) const {
    std::vector<TimelineSpan> found;
    for (const TimelineSpan& span : spans) {
      if (span.stream == stream && std::string(span.name) == "copy") found.push_back(span);
    }
    return found;
  }
  /// What those copies moved.
  [[nodiscard]] std::uint64_t copied_bytes(StreamId stream) const {
    std::uint64_t sum = 0;
    for (const TimelineSpan& span : copies(stream)) sum += span.bytes;
    return sum;
  }
  std::vector<TimelineSpan> spans;
};

struct WorldOptions {
  std::uint32_t slabs = 2;
  std::uint64_t chunk_bytes = 300;  ///< experts of 1,000 bytes: chunks of 300, 300, 300 and 100
  std::uint32_t chunks_in_flight = 2;
  bool shuffle_chunks = false;
  std::uint64_t seed = 0;
  std::uint32_t queued_prefetches_max = 8;
};

/// A transfer queue between a host store of 2 x 4 experts and a few slabs of a sim device, which checks the
/// order of all uses and the contents of every expert read.
struct World {
  static constexpr std::uint64_t expert_bytes = 1000;
  static constexpr ExpertGrid grid{2, 4};

  explicit World(const WorldOptions& options = {})
      : device(make_sim_device(plain_profile(), {}), {}),
        store(device, grid, expert_bytes, nullptr),
        arena(Arena::plan(expert_bytes, options.slabs)),
        slabs(device, MemoryKind::device, arena.total_bytes()),
        hidden(device, MemoryKind::device, 256),
        output(device, MemoryKind::device, 256),
        cache(grid, {options.slabs, 0}, lru(options.slabs)),
        queue(device, store, arena, slabs.view(), cache,
              {options.chunk_bytes, options.chunks_in_flight, options.queued_prefetches_max,
               options.shuffle_chunks, options.seed}),
        compute(device, StreamRole::compute),
        layer_done(device) {
    device.set_timeline(&log);
  }
  ~World() { quietly_forget_timeline(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  static std::unique_ptr<EvictionPolicy> lru(std::uint32_t slabs) {
    PolicyOptions options;
    options.grid = grid;
    options.cache_slabs = slabs;
    return make_policy("lru", options);
  }

  /// Queues a prefetch; fails the test when the cache has no slab for it.
  SlabTicket prefetch(ExpertIndex expert) {
    const auto ticket = cache.reserve_prefetch(expert);
    EXPECT_TRUE(ticket.has_value());
    queue.prefetch(*ticket, grid.layer(expert));
    return *ticket;
  }
  /// The compute stream reads the slab, when its copy is there, and verifies what it holds.
  void read(const SlabTicket& ticket, std::uint64_t flops = 0) {
    device.wait(compute.id(), queue.ready(ticket.slab));
    ExpertOp op;
    op.slab = queue.slab_view(ticket.slab);
    op.source = store.expert(ticket.expert);
    op.hidden = hidden.view();
    op.output = output.view();
    op.rows = row;
    op.hidden_size = 1;
    op.flops = flops;
    op.verify = true;
    device.launch(compute.id(), op, ticket.expert.value);
    queue.note_reads(ticket.slab);
  }
  /// Fetches one expert as a layer does that wants nothing else.
  SlabTicket fetch(ExpertIndex expert, std::uint64_t read_flops = 0) {
    const std::array wanted{expert};
    LayerLease lease = cache.acquire(wanted);
    for (const Evicted& gone : lease.evicted()) leave(gone);
    for (const Acquired& hit : lease.hits()) {
      if (hit.outcome == Outcome::hit_late) queue.promote(hit.ticket);
    }
    for (const Acquired& miss : lease.misses()) queue.demand(miss.ticket);
    const Acquired& got = lease.hits().empty() ? lease.misses().front() : lease.hits().front();
    if (got.first_use_of_prefetch) queue.book_useful(got.outcome == Outcome::hit_late);
    read(got.ticket, read_flops);
    queue.record_reads(compute.id());
    const SlabTicket ticket = got.ticket;
    for (const Evicted& gone : lease.release()) leave(gone);
    return ticket;
  }
  void leave(const Evicted& gone) {
    if (!gone.unused_prefetch) return;
    if (gone.was_loading) {
      queue.cancel(gone.ticket);
    } else {
      queue.book_wasted();
    }
  }
  /// The host waits for the compute stream, as it does before the next layer's routing.
  void finish_layer() {
    device.record(compute.id(), layer_done.id());
    device.synchronize(layer_done.id());
    queue.confirm_compute();
    queue.pump();
  }
  /// Everything ends, and every byte copied is in one class.
  void expect_conserved() {
    queue.drain();
    queue.confirm_compute();
    for (std::uint32_t i = cache.unused_prefetches(); i > 0; --i) queue.book_wasted();
    const TransferBytes& bytes = queue.bytes();
    EXPECT_EQ(bytes.copied,
              bytes.demand + bytes.prefetch_useful + bytes.prefetch_wasted + bytes.prefetch_cancelled);
    cache.check_invariants();
  }
  void quietly_forget_timeline() noexcept {
    try {
      device.synchronize();
      device.set_timeline(nullptr);
    } catch (const Error&) {
      // A device that was lost on purpose.
    }
  }

  static constexpr std::array<std::uint32_t, 1> row{0};
  SpanLog log;
  FaultyDevice device;
  HostStore store;
  Arena arena;
  Buffer slabs;
  Buffer hidden;
  Buffer output;
  ExpertCache cache;
  TransferQueue queue;
  Stream compute;
  Event layer_done;
};

/// Runs `act`, which must throw an Error with `code`.
template <class Act>
void expect_error(ErrorCode code, Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return;
  }
  ADD_FAILURE() << "nothing was thrown";
}

inline constexpr ExpertIndex a{1};  // of layer 0
inline constexpr ExpertIndex b{2};  // of layer 0
inline constexpr ExpertIndex c{5};  // of layer 1
inline constexpr std::uint32_t chunks = 4;
/// Bytes of the first `count` chunks in ascending order.
inline std::uint64_t first_chunks_bytes(std::uint32_t count) {
  return count == chunks ? World::expert_bytes : count * 300ULL;
}

}  // namespace prophet::transfer_test
