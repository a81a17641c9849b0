#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/device/decorators/forwarding_device.hpp"

namespace prophet {

struct RecordingOptions {
  std::uint64_t spans_per_stream_max = 1ULL << 20;  ///< memory for them is taken when a stream is created
};

/// Keeps the finished operations of the device that it wraps and writes them as a trace that chrome://tracing
/// and ui.perfetto.dev open. A stream's spans beyond the bound are counted, not kept. A sink given to
/// set_timeline receives every span as well, kept or not.
class RecordingDevice final : public ForwardingDevice {
 public:
  RecordingDevice(std::unique_ptr<Device> inner, const RecordingOptions& options);
  ~RecordingDevice() override;

  [[nodiscard]] StreamId create_stream(StreamRole role) override;
  void set_timeline(TimelineSink* sink) override;

  /// Spans that found no room. REQUIRES: synchronize() since the last submission.
  [[nodiscard]] std::uint64_t dropped_spans() const;
  [[nodiscard]] std::uint64_t kept_spans() const;

  /// Writes all spans kept so far, also those of destroyed streams, as Chrome trace-event JSON; the file says
  /// how many were dropped, whether the times are simulated and, as `provenance`, where they come from: a
  /// JSON object. Throws Error{bad_input} naming the path when it cannot be written; what stood there before
  /// is then unchanged. REQUIRES: synchronize() since the last submission.
  void write(const std::string& path, const std::string& provenance = "{}") const;

 private:
  struct StreamSpans {
    StreamRole role = StreamRole::compute;
    std::vector<TimelineSpan> spans;  // reserved once, never beyond its capacity
    std::uint64_t dropped = 0;
  };

  class Sink final : public TimelineSink {
   public:
    explicit Sink(RecordingDevice& owner) : owner_(owner) {}
    void on_span(const TimelineSpan& span) override { owner_.keep(span); }

   private:
    RecordingDevice& owner_;
  };

  void keep(const TimelineSpan& span);
  void add(StreamSpans& to, const TimelineSpan& span) const;
  [[nodiscard]] std::string trace_json(const std::string& provenance) const;

  RecordingOptions options_;
  Sink sink_;
  mutable std::mutex mutex_;  // of all below: streams are created while others run
  std::unordered_map<StreamId, StreamSpans> streams_;
  TimelineSink* next_ = nullptr;
};

}  // namespace prophet
