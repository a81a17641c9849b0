#include "runtime/device/decorators/recording_device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "prophet/error.hpp"
#include "runtime/base/whole_file.hpp"

namespace prophet {
namespace {

const char* role_name(StreamRole role) {
  switch (role) {
    case StreamRole::compute:
      return "compute";
    case StreamRole::demand_copy:
      return "demand copy";
    case StreamRole::prefetch_copy:
      return "prefetch copy";
    case StreamRole::host_compute:
      return "host compute";
  }
  return "unknown";
}

/// Trace-event times are microseconds; three decimals keep every nanosecond.
std::string as_us(std::uint64_t ns) {
  return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
}

void append_span(std::string& out, const TimelineSpan& span) {
  fmt::format_to(
      std::back_inserter(out),
      R"(,{{"ph":"X","pid":0,"tid":{},"name":"{}","ts":{},"dur":{},"args":{{"tag":{},"bytes":{}}}}})"
      "\n",
      span.stream.value, span.name, as_us(span.start_ns), as_us(span.end_ns - span.start_ns), span.tag,
      span.bytes);
}

void append_stream_name(std::string& out, StreamId stream, StreamRole role) {
  fmt::format_to(
      std::back_inserter(out),
      R"json(,{{"ph":"M","pid":0,"tid":{},"name":"thread_name","args":{{"name":"stream {}, {}"}}}})json"
      "\n",
      stream.value, stream.value, role_name(role));
}

void write_timeline(const std::string& path, const std::string& text) {
  if (!write_whole_file(path, text))
    throw Error(ErrorCode::bad_input, fmt::format("{}: the timeline could not be written there", path));
}

}  // namespace

RecordingDevice::RecordingDevice(std::unique_ptr<Device> inner_device, const RecordingOptions& options)
    : ForwardingDevice(std::move(inner_device)), options_(options), sink_(*this) {
  inner().set_timeline(&sink_);
}

RecordingDevice::~RecordingDevice() {
  end_inner();
}

StreamId RecordingDevice::create_stream(StreamRole role) {
  StreamSpans spans;
  spans.role = role;
  spans.spans.reserve(static_cast<std::size_t>(options_.spans_per_stream_max));
  const StreamId stream = inner().create_stream(role);
  const std::lock_guard lock(mutex_);
  streams_.try_emplace(stream, std::move(spans));
  return stream;
}

void RecordingDevice::set_timeline(TimelineSink* sink) {
  const std::lock_guard lock(mutex_);
  next_ = sink;
}

void RecordingDevice::add(StreamSpans& to, const TimelineSpan& span) const {
  if (to.spans.size() < options_.spans_per_stream_max) {
    to.spans.push_back(span);
  } else {
    ++to.dropped;
  }
}

void RecordingDevice::keep(const TimelineSpan& span) {
  TimelineSink* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    next = next_;
    const auto own = streams_.find(span.stream);
    if (own != streams_.end()) add(own->second, span);
  }
  if (next != nullptr) next->on_span(span);
}

std::uint64_t RecordingDevice::dropped_spans() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t dropped = 0;
  for (const auto& [stream, own] : streams_) dropped += own.dropped;
  return dropped;
}

std::uint64_t RecordingDevice::kept_spans() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t kept = 0;
  for (const auto& [stream, own] : streams_) kept += own.spans.size();
  return kept;
}

std::string RecordingDevice::trace_json(const std::string& provenance) const {
  const std::uint64_t dropped = dropped_spans();
  const nlohmann::json name = info().name;
  std::string out = fmt::format(
      "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"device\":{},\"simulated\":{},\"dropped_spans\":{},"
      "\"provenance\":{}}},\n"
      "\"traceEvents\":[{{\"ph\":\"M\",\"pid\":0,\"name\":\"process_name\",\"args\":{{\"name\":{}}}}}\n",
      name.dump(), info().simulated, dropped, provenance, name.dump());
  const std::lock_guard lock(mutex_);
  for (const auto& [stream, own] : streams_) {
    append_stream_name(out, stream, own.role);
    for (const TimelineSpan& span : own.spans) append_span(out, span);
  }
  return out + "]}\n";
}

void RecordingDevice::write(const std::string& path, const std::string& provenance) const {
  write_timeline(path, trace_json(provenance));
}

}  // namespace prophet
