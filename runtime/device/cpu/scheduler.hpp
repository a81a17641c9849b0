#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "prophet/error.hpp"
#include "runtime/device/cpu/clock.hpp"
#include "runtime/device/cpu/execute.hpp"
#include "runtime/device/cpu/host_team.hpp"
#include "runtime/device/cpu/operation.hpp"
#include "runtime/device/cpu/operation_ring.hpp"

namespace prophet::cpu {

/// The streams of the cpu device: a worker thread each, with a team of more for host_compute, their queues,
/// the two links, and the error that an operation left behind.
///
/// Invariants, all under one mutex:
///  - `finished` of a stream counts its operations in order; the front of its ring is operation `finished`.
///  - At most one copy holds a link. A copy of a prefetch stream does not take it while the next copy of
///    another stream could, even if that stream's worker has not woken up yet.
///  - A ticket that an operation waits for was issued before it, so the streams can always be drained.
///
/// Threads: the public functions belong to the one host thread of the device.
class Scheduler {
 public:
  /// `link_bytes_per_s` paces copies over either link; 0: no pace. `host_threads` compute an expert of a
  /// host_compute stream, its worker among them.
  Scheduler(double link_bytes_per_s, std::uint32_t host_threads);
  /// Finishes everything submitted, then joins the workers. Never throws.
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Throws Error{usage} beyond limits::streams_max live streams.
  [[nodiscard]] StreamId add_stream(StreamRole role);
  /// Finishes the stream's operations first. Unknown streams are ignored.
  void remove_stream(StreamId stream) noexcept;

  /// Appends to the stream's queue and returns the place behind it. Throws Error{usage} for an unknown
  /// stream.
  Ticket submit(StreamId stream, const Operation& operation);

  [[nodiscard]] bool finished(Ticket ticket);
  /// Sleeps until `ready(*this)` holds, asked under the mutex whenever a record or a whole stream finishes;
  /// then throws the error latched since the last wait, if any, and forgets it.
  template <class Ready>
  void wait_until(Ready ready) {
    std::unique_lock lock(mutex_);
    host_waits_ = true;
    while (!ready()) host_wakes_.wait(lock);
    host_waits_ = false;
    throw_latched();
  }
  /// For use inside wait_until's condition.
  [[nodiscard]] bool has_come(Ticket ticket) const noexcept;
  [[nodiscard]] bool all_drained() const noexcept;

  /// Throw Error{usage} for an unknown stream.
  [[nodiscard]] StreamRole role(StreamId stream);
  [[nodiscard]] StreamTimes times(StreamId stream);
  void set_timeline(TimelineSink* sink);
  [[nodiscard]] std::uint64_t now_ns() const noexcept { return monotonic_ns() - origin_ns_; }

 private:
  struct StreamState {
    StreamId id;
    StreamRole role = StreamRole::compute;
    OperationRing ring;
    std::uint64_t submitted = 0;
    std::uint64_t finished = 0;
    StreamTimes times;
    Scratch scratch;                 // the worker's own
    std::unique_ptr<HostTeam> team;  // of host_compute streams, which the worker leads; null: of others
    std::condition_variable wakes;   // whatever the worker sleeps for
    bool asleep = false;             // the worker is in wakes.wait
    bool stopping = false;           // leave when the ring is empty
    std::thread worker;
  };
  using Lock = std::unique_lock<std::mutex>;

  [[nodiscard]] StreamState& stream(StreamId id);
  [[nodiscard]] bool demand_could_use(LinkKind link) const noexcept;
  [[nodiscard]] bool next_uses(const StreamState& stream, LinkKind link) const noexcept;
  void throw_latched();
  void latch(const Error& error) noexcept;

  void start_worker(StreamState& stream);
  void work(StreamState& stream);
  void finish_front(StreamState& stream);
  void sleep(StreamState& stream, Lock& lock);
  void wake(StreamState& stream);
  void wake_all() noexcept;

  void run(StreamState& stream, const Operation& operation, Lock& lock);
  void run_wait(StreamState& stream, const WaitWork& work, Lock& lock);
  void run_copy(StreamState& stream, const Operation& operation, const CopyWork& work, Lock& lock);
  template <class Work>
  void run_compute(StreamState& stream, const Operation& operation, const Work& work, Lock& lock);
  void take_link(StreamState& stream, LinkKind link, Lock& lock);
  void give_link(LinkKind link) noexcept;
  template <class Work>
  static void compute(StreamState& stream, const Work& work, std::uint64_t tag);
  void hold_link(std::uint64_t size_bytes, std::uint64_t start_ns) const noexcept;
  void transfer(const CopyWork& work, std::uint64_t start_ns) const noexcept;
  void emit(TimelineSink* sink, const TimelineSpan& span) noexcept;

  const double link_bytes_per_s_;
  const std::uint32_t host_threads_;
  const std::uint64_t origin_ns_;
  std::mutex mutex_;
  std::condition_variable host_wakes_;
  bool host_waits_ = false;
  std::vector<std::unique_ptr<StreamState>> streams_;  // by StreamId; null: removed
  std::array<bool, 2> link_held_{};                    // by LinkKind
  std::optional<Error> latched_;
  TimelineSink* sink_ = nullptr;
};

}  // namespace prophet::cpu
