#pragma once

#include <cstdint>
#include <vector>

#include "prophet/ids.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/device/handles.hpp"
#include "runtime/memory/arena.hpp"
#include "runtime/transfer/host_store.hpp"
#include "runtime/transfer/transfer_bytes.hpp"

namespace prophet {

struct TransferOptions {
  std::uint64_t chunk_bytes = 2ULL << 20;  ///< a prefetch is cut into chunks of this size; not 0
  std::uint32_t chunks_in_flight = 2;      ///< prefetch chunks handed to the device at once; at least 1
  std::uint32_t queued_prefetches_max = 256;
  bool shuffle_chunks = false;  ///< copy the chunks of a prefetch in a random order (for tests)
  std::uint64_t seed = 0;       ///< of that order
};

/// Moves experts from the host store into slabs: demand copies at once and whole, prefetches in chunks, a few
/// of them on the device at a time, so that a demand copy waits for at most the chunk that the link is busy
/// with and a prefetch can be cancelled or promoted to demand at any chunk.
///
/// Stream order: a copy into a slab waits, on the device, for the slab's last readers (note_reads) and for
/// chunks of an earlier, cancelled prefetch that may still be on their way into it. The caller lets the
/// compute stream wait for ready(slab) before it reads a slab whose copy has not been confirmed. One host
/// thread. No allocation after construction. The device, the store and the cache must outlive it.
class TransferQueue {
 public:
  TransferQueue(Device& device, const HostStore& store, const Arena& arena, BufferView arena_bytes,
                ExpertCache& cache, const TransferOptions& options);
  /// Waits until the device has finished with the slabs; quiet when the device is lost.
  ~TransferQueue();
  TransferQueue(const TransferQueue&) = delete;
  TransferQueue& operator=(const TransferQueue&) = delete;

  /// Copies the whole expert on the demand stream and records ready(slab) behind it.
  void demand(const SlabTicket& ticket);

  /// Whether another prefetch can be queued.
  [[nodiscard]] bool has_room() const noexcept { return jobs_.size() < options_.queued_prefetches_max; }
  /// Queues a prefetch for `layer`. REQUIRES: has_room().
  void prefetch(const SlabTicket& ticket, LayerId layer);
  /// Queues a copy of an expert that a layer has had computed elsewhere and that the cache has taken in as
  /// just used. It goes as a prefetch does, but belongs to no layer's turn. REQUIRES: has_room().
  void fill(const SlabTicket& ticket);
  /// The cache has dropped what a fill may still be under way for: chunks not yet submitted never will be.
  void cancel_fill(const SlabTicket& ticket);
  /// The running layer wants a prefetch that is not complete: what is left of it goes to the demand stream.
  /// Returns the bytes that had been submitted before.
  std::uint64_t promote(const SlabTicket& ticket);
  /// The cache has dropped an unused prefetch before its copy was complete: chunks not yet submitted never
  /// will be; what was submitted is booked as cancelled, or as wasted when that was all of it.
  void cancel(const SlabTicket& ticket);
  /// Drops a prefetch of which chunks are still to be submitted and gives its slab back to the cache; false,
  /// and nothing changes, when there is none or a layer has leased it.
  bool drop(const SlabTicket& ticket);
  /// Drops what is queued for `layer`, which has run, and gives the slabs back to the cache. Returns how many
  /// prefetches that were.
  std::uint32_t cancel_layer(LayerId layer);

  /// Notes finished chunks, tells the cache what is complete, and submits further chunks. Cheap when idle.
  void pump();
  /// The first half of pump(), for a host that a layer waits for: what is complete is noted, nothing
  /// submitted.
  void observe_finished_chunks();
  /// Of prefetch chunks on the device, as far as the host has seen.
  [[nodiscard]] std::uint64_t bytes_in_flight() const noexcept {
    return (chunks_submitted_ - chunks_finished_) * options_.chunk_bytes;
  }
  /// The event of the oldest prefetch chunk on the device, for wait_any; false when there is none.
  [[nodiscard]] bool oldest_chunk(EventId& event) const noexcept;

  /// Kernels that read the slab are submitted; `readers_done` will be recorded behind them by record_reads.
  void note_reads(SlabId slab) noexcept;
  /// Records, on the compute stream, the event that copies into the slabs just read will wait for.
  void record_reads(StreamId compute);
  /// The host has synchronised with the compute stream behind everything that it has been told to wait for
  /// and all reads: demand copies are complete and slabs have no readers.
  void confirm_compute();

  /// `stream` waits, on the device, for the reads of the slab that were recorded and for every copy into it:
  /// what another tenant of the slab submits there next may write it.
  void wait_for_slab(StreamId stream, SlabId slab);

  /// Completes when the slab's current filling has.
  [[nodiscard]] EventId ready(SlabId slab) const noexcept { return slabs_[slab.index()].ready.id(); }
  [[nodiscard]] BufferView slab_view(SlabId slab) const noexcept {
    return arena_bytes_.slice(arena_.offset_bytes(slab), arena_.expert_bytes);
  }

  /// Books a prefetched expert's bytes when its fate is known.
  void book_useful(bool late) noexcept;
  void book_wasted() noexcept;

  /// Waits for everything submitted and pumps until no prefetch is left.
  void drain();

  [[nodiscard]] const TransferBytes& bytes() const noexcept { return bytes_; }
  void reset_bytes() noexcept { bytes_ = {}; }
  /// Submitted, since construction, for layers that waited for it.
  [[nodiscard]] std::uint64_t demand_stream_bytes() const noexcept { return demand_stream_bytes_; }
  [[nodiscard]] std::uint64_t expert_bytes() const noexcept { return arena_.expert_bytes; }
  [[nodiscard]] std::uint64_t chunk_bytes() const noexcept { return options_.chunk_bytes; }
  /// Prefetches whose submission the device refused; each was dropped and its slab given back.
  [[nodiscard]] std::uint64_t failed_prefetches() const noexcept { return failed_prefetches_; }
  [[nodiscard]] std::uint32_t queued() const noexcept { return static_cast<std::uint32_t>(jobs_.size()); }
  [[nodiscard]] StreamId demand_stream() const noexcept { return demand_stream_.id(); }
  [[nodiscard]] StreamId prefetch_stream() const noexcept { return prefetch_stream_.id(); }

 private:
  struct Slab {
    Event ready;
    bool has_unconfirmed_reads = false;
    std::uint64_t last_chunk = 0;  ///< number of the last prefetch chunk submitted for it; 0: none
  };
  /// The layer of a fill: none that runs.
  static constexpr LayerId no_layer{~std::uint32_t{0}};
  struct Job {
    SlabTicket ticket;
    LayerId layer;
    std::uint32_t chunks_done = 0;  ///< submitted
  };
  struct Chunk {
    SlabTicket ticket;
    bool last = false;
  };

  void submit_next_chunk();
  void fail_front_job();
  void book_if_fill(const Job& job) noexcept;
  void wait_for_earlier_chunks(StreamId stream, const Slab& slab);
  void wait_for_readers(StreamId stream, const Slab& slab);
  [[nodiscard]] std::uint32_t chunks_per_expert() const noexcept { return chunks_per_expert_; }
  [[nodiscard]] std::uint64_t chunk_offset(std::uint32_t chunk) const noexcept {
    return chunk * options_.chunk_bytes;
  }
  [[nodiscard]] std::uint64_t chunk_size(std::uint32_t chunk) const noexcept;
  [[nodiscard]] std::uint32_t chunk_at(std::uint32_t position) const noexcept {
    return chunk_order_[position];
  }
  [[nodiscard]] std::uint64_t submitted_bytes(const Job& job) const noexcept;
  void copy_rest(const SlabTicket& ticket, std::uint32_t chunks_done);
  void copy_chunk(StreamId stream, const SlabTicket& ticket, std::uint32_t chunk);
  [[nodiscard]] std::vector<Job>::iterator find_job(const SlabTicket& ticket) noexcept;

  Device& device_;
  const HostStore& store_;
  Arena arena_;
  BufferView arena_bytes_;
  ExpertCache& cache_;
  TransferOptions options_;
  std::uint32_t chunks_per_expert_;
  std::vector<std::uint32_t> chunk_order_;  ///< [chunks_per_expert]: a permutation
  Stream demand_stream_;
  Stream prefetch_stream_;
  Event readers_done_;
  std::vector<Slab> slabs_;
  std::vector<Job> jobs_;            ///< front first; bounded by queued_prefetches_max
  std::vector<Event> chunk_events_;  ///< [chunks_in_flight], used in turn
  std::vector<Chunk> chunks_;        ///< [chunks_in_flight], what each event stands for
  std::uint64_t chunks_submitted_ = 0;
  std::uint64_t chunks_finished_ = 0;
  std::vector<SlabTicket> unconfirmed_demand_;
  std::vector<SlabId> unconfirmed_reads_;
  TransferBytes bytes_;
  std::uint64_t failed_prefetches_ = 0;
  std::uint64_t demand_stream_bytes_ = 0;
};

}  // namespace prophet
