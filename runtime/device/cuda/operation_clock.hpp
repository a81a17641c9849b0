#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/device/cuda/event_table.hpp"
#include "runtime/device/cuda/status.hpp"
#include "runtime/device/device.hpp"

namespace prophet::cuda {

/// What is asked of the clocks of all streams of one device.
struct ClockOptions {
  bool measure = true;           ///< busy and blocked times are wanted
  TimelineSink* sink = nullptr;  ///< spans are wanted
  std::uint64_t origin_ns = 0;   ///< of the device's now_ns, on the monotonic clock

  [[nodiscard]] bool on() const noexcept { return measure || sink != nullptr; }
};

/// Measures the operations of one stream by a pair of timed events around each: what lies between them is the
/// operation's, or, around a wait, time in which the stream was blocked. Pairs are read once the device has
/// passed them, oldest first, and used again.
///
/// Accuracy: CUDA states a resolution of about half a microsecond; an event's own cost is inside the pair.
/// Spans are put on the host's clock by adding up the stretches between events from one moment at which both
/// were read, so that rounding stays small but a drift between the two clocks stays in. Cost: two more
/// cudaEventRecord an operation on the host and two timestamps on the GPU.
class OperationClock {
 public:
  /// `options` outlives the clock. Waits for `stream`, which must be new, once.
  OperationClock(Status& status, const ClockOptions& options, cudaStream_t stream, StreamId id,
                 StreamRole role);

  /// Just before the operation is submitted. Throws when CUDA refuses; nothing has been submitted then.
  void begin();
  /// Just behind it; `name` has static storage. The operation cannot be taken back any more: errors are
  /// noted.
  void end(const char* name, std::uint64_t tag, std::uint64_t bytes) noexcept;
  void end_wait() noexcept { end(wait_name, 0, 0); }

  /// Reads every pair that the device has passed.
  void collect();
  [[nodiscard]] StreamTimes times() const noexcept;

 private:
  static const char* const wait_name;
  struct Pair {
    OwnedEvent begin;
    OwnedEvent end;
    const char* name = "";
    std::uint64_t tag = 0;
    std::uint64_t bytes = 0;
  };

  [[nodiscard]] Pair& next() noexcept { return pairs_[(first_ + count_) % pairs_.size()]; }
  void make_room();
  void grow();
  void read(Pair& pair);
  void emit(const Pair& pair, double begin_ns, double end_ns) const;
  [[nodiscard]] double between_ns(const OwnedEvent& begin, const OwnedEvent& end);

  Status& status_;
  const ClockOptions& options_;
  cudaStream_t stream_;
  StreamId id_;
  StreamRole role_;
  std::vector<Pair> pairs_;  // a ring
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  bool begun_ = false;
  OwnedEvent last_end_;  // the latest event that has been read
  double last_end_ns_;   // where it stands on the device's now_ns
  double busy_ns_ = 0;
  double blocked_ns_ = 0;
};

}  // namespace prophet::cuda
