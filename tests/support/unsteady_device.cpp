#include "tests/support/unsteady_device.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "prophet/error.hpp"

namespace prophet::testing {

UnsteadyDevice::UnsteadyDevice(std::unique_ptr<Device> inner, const UnsteadyOptions& options)
    : ForwardingDevice(std::move(inner)), options_(options), random_(options.seed) {
  options_.late_bytes_max = std::clamp<std::uint64_t>(options.late_bytes_max, 1, in_the_way_bytes);
}

StreamId UnsteadyDevice::create_stream(StreamRole role) {
  const StreamId stream = ForwardingDevice::create_stream(role);
  StreamState state;
  state.role = role;
  if (options_.late_chance > 0) {
    state.from = std::make_unique<Buffer>(inner(), MemoryKind::device, options_.late_bytes_max);
    state.to = std::make_unique<Buffer>(inner(), MemoryKind::device, options_.late_bytes_max);
  }
  streams_[stream.value] = std::move(state);
  return stream;
}

void UnsteadyDevice::destroy_stream(StreamId stream) noexcept {
  ForwardingDevice::destroy_stream(stream);
  streams_.erase(stream.value);
}

void UnsteadyDevice::copy(StreamId stream, BufferView destination, BufferView source, std::uint64_t tag) {
  if (streams_.at(stream.value).role == StreamRole::prefetch_copy &&
      random_.chance(options_.refused_prefetch_chance)) {
    ++refused_;
    throw Error(ErrorCode::out_of_memory,
                "unsteady device: a prefetch is refused, expected one to be, by chance");
  }
  be_late(stream, tag);
  ForwardingDevice::copy(stream, destination, source, tag);
}

void UnsteadyDevice::launch(StreamId stream, const ComputeOp& op, std::uint64_t tag) {
  be_late(stream, tag);
  ForwardingDevice::launch(stream, op, tag);
  if (const auto* const expert = std::get_if<ExpertOp>(&op)) expert_evaluations_ += expert->rows.size();
}

void UnsteadyDevice::be_late(StreamId stream, std::uint64_t tag) {
  if (!random_.chance(options_.late_chance)) return;
  const StreamState& state = streams_.at(stream.value);
  const std::uint64_t bytes = 1 + random_.below(options_.late_bytes_max);
  ForwardingDevice::copy(stream, state.to->view().slice(0, bytes), state.from->view().slice(0, bytes), tag);
  ++late_;
}

}  // namespace prophet::testing
