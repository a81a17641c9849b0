#include "tests/engine/logging_device.hpp"

#include <variant>

namespace prophet::engine_test {
namespace {

/// Order counts: mixes one word into a digest.
std::uint64_t mix(std::uint64_t digest, std::uint64_t word) {
  digest ^= word + 0x9e3779b97f4a7c15ULL + (digest << 6) + (digest >> 2);
  digest *= 0xff51afd7ed558ccdULL;
  return digest ^ (digest >> 32);
}

std::uint64_t mix(std::uint64_t digest, const BufferView& view) {
  digest = mix(digest, view.buffer.value);
  digest = mix(digest, view.offset_bytes);
  return mix(digest, view.size_bytes);
}

std::uint64_t mix(std::uint64_t digest, std::span<const std::uint32_t> words) {
  for (const std::uint32_t word : words) digest = mix(digest, word);
  return mix(digest, words.size());
}

std::uint64_t digest_of(const DenseOp& op) {
  return mix(mix(mix(mix(op.tokens, op.hidden_size), op.flops), op.weights), op.hidden);
}

std::uint64_t digest_of(const ExpertOp& op) {
  std::uint64_t digest = mix(mix(op.flops, op.hidden_size), op.checksum + (op.verify ? 1U : 0U));
  digest = mix(mix(mix(mix(digest, op.slab), op.source), op.hidden), op.output);
  return mix(digest, op.rows);
}

std::uint64_t digest_of(const CombineOp& op) {
  return mix(mix(mix(mix(mix(op.tokens, op.hidden_size), op.top_k), op.hidden), op.outputs), op.slots);
}

std::uint64_t digest_of(const ModelOp auto&) {
  return 0;  // what the engine's own steps are not made of
}

}  // namespace

LoggingDevice::LoggingDevice(std::unique_ptr<Device> inner_device, bool keep)
    : ForwardingDevice(std::move(inner_device)), keep_(keep) {}

void LoggingDevice::note(LoggedCall call) {
  call.now_ns = inner().now_ns();
  ++count_;
  hash_ = mix(hash_, static_cast<std::uint64_t>(call.call) << 32 | call.kind);
  hash_ = mix(hash_, std::uint64_t{call.stream.value} << 32 | call.event.value);
  hash_ = mix(hash_, call.tag);
  for (const std::uint64_t argument : call.arguments) hash_ = mix(hash_, argument);
  hash_ = mix(hash_, call.result);
  hash_ = mix(hash_, call.now_ns);
  if (keep_) calls_.push_back(call);
}

void LoggingDevice::copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) {
  inner().copy(stream, destination, source, tag);
  note({DeviceCall::copy,
        0,
        stream,
        {},
        tag,
        {destination.offset_bytes, source.offset_bytes, source.size_bytes,
         std::uint64_t{destination.buffer.value} << 32 | source.buffer.value}});
}

void LoggingDevice::launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) {
  inner().launch(stream, op, tag);
  const std::uint64_t digest = std::visit([](const auto& one) { return digest_of(one); }, op);
  note({DeviceCall::launch, static_cast<std::uint32_t>(op.index()), stream, {}, tag, {digest}});
}

void LoggingDevice::record(StreamId stream, EventId event) {
  inner().record(stream, event);
  note({DeviceCall::record, 0, stream, event});
}

void LoggingDevice::wait(StreamId stream, EventId event) {
  inner().wait(stream, event);
  note({DeviceCall::wait, 0, stream, event});
}

bool LoggingDevice::done(EventId event) {
  const bool is_done = inner().done(event);
  note({DeviceCall::done, 0, {}, event, 0, {}, is_done ? 1U : 0U});
  return is_done;
}

void LoggingDevice::synchronize(EventId event) {
  inner().synchronize(event);
  note({DeviceCall::synchronize_event, 0, {}, event});
}

std::size_t LoggingDevice::wait_any(std::span<const EventId> events) {
  const std::size_t position = inner().wait_any(events);
  note({DeviceCall::wait_any, 0, {}, events[position], 0, {events.size()}, position});
  return position;
}

void LoggingDevice::synchronize() {
  inner().synchronize();
  note({DeviceCall::synchronize});
}

}  // namespace prophet::engine_test
