#include "runtime/transfer/transfer_queue.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/base/random.hpp"

namespace prophet {
namespace {

std::vector<std::uint32_t> make_chunk_order(std::uint32_t chunks, const TransferOptions& options) {
  std::vector<std::uint32_t> order(chunks);
  std::iota(order.begin(), order.end(), 0U);
  if (!options.shuffle_chunks) return order;
  Random random(options.seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

void check_options(const TransferOptions& options, std::uint64_t expert_bytes) {
  if (options.chunk_bytes == 0 || options.chunks_in_flight == 0) {
    throw Error(ErrorCode::usage,
                fmt::format("prefetch chunks of {} bytes, {} in flight: expected at least 1 of each",
                            options.chunk_bytes, options.chunks_in_flight));
  }
  if (const auto chunks = ceil_div(expert_bytes, options.chunk_bytes);
      chunks > limits::chunks_per_expert_max) {
    throw Error(
        ErrorCode::usage,
        fmt::format("prefetch chunks of {} bytes cut an expert of {} bytes into {}: expected at most {}",
                    options.chunk_bytes, expert_bytes, chunks, limits::chunks_per_expert_max));
  }
}

/// Whether the device merely declined an operation. A lost device, and a use of memory or of the seam that is
/// wrong, are never a prefetch's own affair.
bool is_refusal(const Error& error) {
  return error.code() != ErrorCode::device_lost && error.code() != ErrorCode::check_failed &&
         error.code() != ErrorCode::usage;
}

}  // namespace

TransferQueue::TransferQueue(Device& device, const HostStore& store, const Arena& arena,
                             BufferView arena_bytes, ExpertCache& cache, const TransferOptions& options)
    : device_(device),
      store_(store),
      arena_(arena),
      arena_bytes_(arena_bytes),
      cache_(cache),
      options_((check_options(options, arena.expert_bytes), options)),
      chunks_per_expert_(static_cast<std::uint32_t>(ceil_div(arena.expert_bytes, options.chunk_bytes))),
      chunk_order_(make_chunk_order(chunks_per_expert_, options)),
      demand_stream_(device, StreamRole::demand_copy),
      prefetch_stream_(device, StreamRole::prefetch_copy),
      readers_done_(device) {
  slabs_.reserve(arena.slabs);
  for (std::uint32_t s = 0; s < arena.slabs; ++s) slabs_.push_back({Event(device), false, 0});
  jobs_.reserve(options.queued_prefetches_max);
  chunk_events_.reserve(options.chunks_in_flight);
  for (std::uint32_t c = 0; c < options.chunks_in_flight; ++c) chunk_events_.emplace_back(device);
  chunks_.resize(options.chunks_in_flight);
  unconfirmed_demand_.reserve(cache.grid().experts);
  unconfirmed_reads_.reserve(arena.slabs);
  device.declare_units(arena_bytes, arena.stride_bytes, options.chunk_bytes);
}

TransferQueue::~TransferQueue() {
  try {
    device_.synchronize();
  } catch (const Error&) {
    // The error was or will be reported by the call that the caller is waiting in; a destructor stays quiet.
  }
}

std::uint64_t TransferQueue::chunk_size(std::uint32_t chunk) const noexcept {
  return std::min(options_.chunk_bytes, arena_.expert_bytes - chunk_offset(chunk));
}

std::uint64_t TransferQueue::submitted_bytes(const Job& job) const noexcept {
  std::uint64_t sum = 0;
  for (std::uint32_t c = 0; c < job.chunks_done; ++c) sum += chunk_size(chunk_at(c));
  return sum;
}

void TransferQueue::copy_chunk(StreamId stream, const SlabTicket& ticket, std::uint32_t chunk) {
  const std::uint64_t offset = chunk_offset(chunk);
  const std::uint64_t size = chunk_size(chunk);
  device_.copy(stream, slab_view(ticket.slab).slice(offset, size),
               store_.expert(ticket.expert).slice(offset, size), ticket.expert.value);
  bytes_.copied += size;
  if (stream == demand_stream_.id()) demand_stream_bytes_ += size;
}

void TransferQueue::copy_rest(const SlabTicket& ticket, std::uint32_t chunks_done) {
  if (options_.shuffle_chunks) {
    for (std::uint32_t c = chunks_done; c < chunks_per_expert(); ++c) {
      copy_chunk(demand_stream_.id(), ticket, chunk_at(c));
    }
    return;
  }
  // One copy: nothing will overtake it any more, and each submission costs the host time.
  const std::uint64_t offset = chunk_offset(chunks_done);
  const std::uint64_t size = arena_.expert_bytes - offset;
  device_.copy(demand_stream_.id(), slab_view(ticket.slab).slice(offset, size),
               store_.expert(ticket.expert).slice(offset, size), ticket.expert.value);
  bytes_.copied += size;
  demand_stream_bytes_ += size;
}

void TransferQueue::wait_for_readers(StreamId stream, const Slab& slab) {
  if (slab.has_unconfirmed_reads) device_.wait(stream, readers_done_.id());
}

void TransferQueue::wait_for_earlier_chunks(StreamId stream, const Slab& slab) {
  if (slab.last_chunk <= chunks_finished_) return;
  device_.wait(stream, chunk_events_[(slab.last_chunk - 1) % chunk_events_.size()].id());
}

void TransferQueue::demand(const SlabTicket& ticket) {
  Slab& slab = slabs_[ticket.slab.index()];
  wait_for_readers(demand_stream_.id(), slab);
  wait_for_earlier_chunks(demand_stream_.id(), slab);
  device_.copy(demand_stream_.id(), slab_view(ticket.slab), store_.expert(ticket.expert),
               ticket.expert.value);
  device_.record(demand_stream_.id(), slab.ready.id());
  bytes_.copied += arena_.expert_bytes;
  bytes_.demand += arena_.expert_bytes;
  demand_stream_bytes_ += arena_.expert_bytes;
  unconfirmed_demand_.push_back(ticket);
}

void TransferQueue::prefetch(const SlabTicket& ticket, LayerId layer) {
  jobs_.push_back({ticket, layer, 0});
}

void TransferQueue::fill(const SlabTicket& ticket) {
  jobs_.push_back({ticket, no_layer, 0});
}

void TransferQueue::cancel_fill(const SlabTicket& ticket) {
  const auto job = find_job(ticket);
  if (job == jobs_.end()) return;  // all of it has been submitted, and booked
  bytes_.prefetch_cancelled += submitted_bytes(*job);
  jobs_.erase(job);
}

void TransferQueue::book_if_fill(const Job& job) noexcept {
  if (job.layer == no_layer) bytes_.fill += arena_.expert_bytes;
}

std::vector<TransferQueue::Job>::iterator TransferQueue::find_job(const SlabTicket& ticket) noexcept {
  return std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.ticket == ticket; });
}

std::uint64_t TransferQueue::promote(const SlabTicket& ticket) {
  const auto job = find_job(ticket);
  // Else every chunk is on its way, and ready() is recorded behind the last.
  if (job == jobs_.end()) return arena_.expert_bytes;
  const std::uint64_t submitted = submitted_bytes(*job);
  Slab& slab = slabs_[ticket.slab.index()];
  wait_for_readers(demand_stream_.id(), slab);
  wait_for_earlier_chunks(demand_stream_.id(), slab);
  copy_rest(ticket, job->chunks_done);
  device_.record(demand_stream_.id(), slab.ready.id());
  unconfirmed_demand_.push_back(ticket);
  book_if_fill(*job);
  jobs_.erase(job);
  return submitted;
}

void TransferQueue::cancel(const SlabTicket& ticket) {
  const auto job = find_job(ticket);
  if (job == jobs_.end()) {  // every chunk is on its way
    bytes_.prefetch_wasted += arena_.expert_bytes;
    return;
  }
  bytes_.prefetch_cancelled += submitted_bytes(*job);
  jobs_.erase(job);
}

bool TransferQueue::drop(const SlabTicket& ticket) {
  const auto job = find_job(ticket);
  if (job == jobs_.end() || !cache_.abandon(ticket)) return false;
  bytes_.prefetch_cancelled += submitted_bytes(*job);
  jobs_.erase(job);
  return true;
}

std::uint32_t TransferQueue::cancel_layer(LayerId layer) {
  const auto dropped = std::erase_if(jobs_, [&](const Job& job) {
    if (job.layer != layer || !cache_.abandon(job.ticket)) return false;
    bytes_.prefetch_cancelled += submitted_bytes(job);
    return true;
  });
  return static_cast<std::uint32_t>(dropped);
}

void TransferQueue::pump() {
  observe_finished_chunks();
  while (!jobs_.empty() && chunks_submitted_ - chunks_finished_ < chunk_events_.size()) submit_next_chunk();
}

void TransferQueue::observe_finished_chunks() {
  while (chunks_finished_ < chunks_submitted_) {
    const std::size_t at = chunks_finished_ % chunk_events_.size();
    if (!device_.done(chunk_events_[at].id())) return;
    ++chunks_finished_;
    if (chunks_[at].last) (void)cache_.complete(chunks_[at].ticket);
  }
}

void TransferQueue::submit_next_chunk() {
  Job& job = jobs_.front();
  Slab& slab = slabs_[job.ticket.slab.index()];
  const bool last = job.chunks_done + 1 == chunks_per_expert();
  const std::size_t at = chunks_submitted_ % chunk_events_.size();
  try {
    if (job.chunks_done == 0) wait_for_readers(prefetch_stream_.id(), slab);
    copy_chunk(prefetch_stream_.id(), job.ticket, chunk_at(job.chunks_done));
    ++job.chunks_done;
    if (last) device_.record(prefetch_stream_.id(), slab.ready.id());
    device_.record(prefetch_stream_.id(), chunk_events_[at].id());
  } catch (const Error& error) {
    if (!is_refusal(error)) throw;
    fail_front_job();
    return;
  }
  chunks_[at] = {job.ticket, last};
  slab.last_chunk = ++chunks_submitted_;
  if (!last) return;
  book_if_fill(job);
  jobs_.erase(jobs_.begin());
}

void TransferQueue::fail_front_job() {
  // A chunk may have been submitted without its event: only a full wait says that the slab is quiet.
  device_.synchronize();
  const Job job = jobs_.front();
  jobs_.erase(jobs_.begin());
  ++failed_prefetches_;
  bytes_.prefetch_cancelled += submitted_bytes(job);
  (void)cache_.abandon(job.ticket);
}

bool TransferQueue::oldest_chunk(EventId& event) const noexcept {
  if (chunks_finished_ == chunks_submitted_) return false;
  event = chunk_events_[chunks_finished_ % chunk_events_.size()].id();
  return true;
}

void TransferQueue::note_reads(SlabId slab) noexcept {
  Slab& state = slabs_[slab.index()];
  if (!state.has_unconfirmed_reads) unconfirmed_reads_.push_back(slab);
  state.has_unconfirmed_reads = true;
}

void TransferQueue::record_reads(StreamId compute) {
  device_.record(compute, readers_done_.id());
}

void TransferQueue::confirm_compute() {
  for (const SlabTicket& ticket : unconfirmed_demand_) (void)cache_.complete(ticket);
  for (const SlabId slab : unconfirmed_reads_) slabs_[slab.index()].has_unconfirmed_reads = false;
  unconfirmed_demand_.clear();
  unconfirmed_reads_.clear();
}

void TransferQueue::wait_for_slab(StreamId stream, SlabId slab) {
  const Slab& state = slabs_[slab.index()];
  wait_for_readers(stream, state);
  wait_for_earlier_chunks(stream, state);
  device_.wait(stream, state.ready.id());
}

void TransferQueue::book_useful(bool late) noexcept {
  bytes_.prefetch_useful += arena_.expert_bytes;
  if (late) bytes_.prefetch_late += arena_.expert_bytes;
}

void TransferQueue::book_wasted() noexcept {
  bytes_.prefetch_wasted += arena_.expert_bytes;
}

void TransferQueue::drain() {
  EventId oldest;
  for (pump(); oldest_chunk(oldest); pump()) device_.synchronize(oldest);
  device_.synchronize();
}

}  // namespace prophet
