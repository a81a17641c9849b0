#pragma once

#include <array>
#include <cstdint>

#include "runtime/device/device.hpp"
#include "runtime/device/sim/records.hpp"
#include "runtime/device/sim/ring.hpp"
#include "runtime/device/sim/shared_rates.hpp"
#include "runtime/device/sim/timing.hpp"

namespace prophet::sim {

/// The discrete-event model: streams in order, one operation at a time on each engine.
///
/// Only engines need an order in time. Records and waits are resolved to times of completion as soon as they
/// reach the head of their stream and what they wait for is known, because nothing submitted later can change
/// those times. So the things that happen are the starts and finishes of work, and the model takes them in
/// the order of time; at one time, finishes before starts. An idle engine takes, of the stream heads that are
/// ready, one of a stream that is not prefetch_copy first, then the one submitted first.
///
/// Causality: an operation starts at or after its submission, so whoever calls run_until(t) promises to
/// submit nothing more at or before t.
///
/// Coupling: what runs at once may slow each other, see shared_rates.hpp. Progress is in integers of 2^-16
/// ns, re-evaluated at each start and finish.
class Queues {
 public:
  Queues(const GpuProfile& profile, RecordPool& records);

  void open(StreamSlot slot, StreamId id, StreamRole role);
  void set_timeline(TimelineSink* sink) noexcept { sink_ = sink; }

  /// Afterwards one push to the stream does not throw.
  void reserve_one(StreamSlot slot) { streams_[slot].ops.reserve_one(); }
  void push_work(StreamSlot slot, const Work& work, std::uint64_t tag, std::uint64_t submitted_ns);
  /// Takes over one hold on `record`.
  void push_record(StreamSlot slot, RecordIndex record, std::uint64_t submitted_ns);
  /// Takes over one hold on `record`.
  void push_wait(StreamSlot slot, RecordIndex record, std::uint64_t submitted_ns);

  /// Lets everything up to and including `limit_ns` happen.
  void run_until(std::uint64_t limit_ns);
  /// Lets things happen until the record's completion is known.
  void run_until_known(RecordIndex record);
  /// Lets the next thing happen if it is not after `limit_ns`; false when it is, or there is none.
  bool run_one(std::uint64_t limit_ns);

  /// Operations submitted and not finished.
  [[nodiscard]] std::uint64_t pending() const noexcept { return pending_; }
  /// When all that was submitted to the stream has completed. REQUIRES: nothing of the stream is pending.
  [[nodiscard]] std::uint64_t drained_ns(StreamSlot slot) const noexcept { return streams_[slot].ready_ns; }
  [[nodiscard]] bool drained(StreamSlot slot) const noexcept { return streams_[slot].ops.empty(); }
  [[nodiscard]] StreamRole role(StreamSlot slot) const noexcept { return streams_[slot].role; }
  [[nodiscard]] StreamTimes times(StreamSlot slot) const noexcept { return streams_[slot].times; }

 private:
  enum class Kind : std::uint8_t { work, record, wait };
  struct Op {
    Kind kind = Kind::work;
    RecordIndex record = no_record;
    Work work;
    std::uint64_t tag = 0;
    std::uint64_t submitted_ns = 0;
    std::uint64_t order = 0;  ///< of submission, over all streams
  };
  struct StreamState {
    Ring<Op> ops;  ///< a running operation stays at the front
    StreamId id;
    StreamRole role = StreamRole::compute;
    std::uint64_t ready_ns = 0;  ///< when the operation at the front could begin, if it is there by then
    StreamTimes times;
  };
  struct EngineState {
    bool running = false;
    StreamSlot slot = 0;
    std::uint32_t waiting = 0;    ///< bit mask of the streams whose front is work for this engine
    std::uint64_t free_ns = 0;    ///< when the last operation finished
    std::uint64_t start_ns = 0;   ///< of the running operation
    std::uint64_t left = 0;       ///< [2^-16 ns] of it at since_ns
    std::uint64_t since_ns = 0;   ///< when `left` was right
    std::uint64_t rate = 0;       ///< [2^-16] of the full rate, since then
    std::uint64_t finish_ns = 0;  ///< at that rate
  };
  struct Next {
    std::uint64_t time_ns = never_ns;
    std::size_t engine = 0;
    StreamSlot slot = 0;
    bool finish = false;
  };

  void push(StreamSlot slot, const Op& op);
  [[nodiscard]] Next find_next() const noexcept;
  [[nodiscard]] Next next_start(std::size_t engine) const noexcept;
  void start(const Next& next);
  void finish(const Next& next);
  void rebalance(std::uint64_t time_ns) noexcept;
  static void set_rate(EngineState& engine, std::uint64_t rate, std::uint64_t time_ns) noexcept;

  void settle(std::uint32_t unsettled);
  [[nodiscard]] std::uint32_t settle_stream(StreamSlot slot);
  void complete_record(StreamState& stream);
  bool pass_wait(StreamState& stream);
  void pop(StreamState& stream) noexcept;
  void report(const StreamState& stream, const char* name, const Op& op, std::uint64_t start_ns,
              std::uint64_t end_ns);

  RecordPool& records_;
  TimelineSink* sink_ = nullptr;
  std::uint64_t event_latency_ns_;
  SharedRates rates_;
  std::array<StreamState, limits::streams_max> streams_;
  std::array<EngineState, engines> engines_;
  std::uint32_t parked_ = 0;  // bit mask of the streams whose front waits for a record not yet completed
  std::uint64_t submitted_ = 0;
  std::uint64_t pending_ = 0;
};

}  // namespace prophet::sim
