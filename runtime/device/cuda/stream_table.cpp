#include "runtime/device/cuda/stream_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/limits.hpp"

namespace prophet::cuda {

OwnedStream::OwnedStream(Status& status, int priority) : status_(status) {
  status.check(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, priority),
               "cudaStreamCreateWithPriority", "create_stream");
}

OwnedStream::~OwnedStream() {
  if (status_.lost()) return;
  status_.note(cudaStreamDestroy(stream_), "cudaStreamDestroy", "destroy_stream");
}

StreamState::StreamState(Status& status, const ClockOptions& clock_options, int priority, StreamId own_id,
                         StreamRole own_role, std::uint32_t host_threads, const BlasOptions& blas_options)
    : device_status(status),
      handle(status, priority),
      id(own_id),
      role(own_role),
      clock(status, clock_options, handle.get(), own_id, own_role),
      scratch(status, handle.get()),
      indices(status, handle.get()) {
  if (role == StreamRole::compute && blas_options.workspace_bytes != 0)
    blas = BlasHandle(blas_options, handle.get(), status);
  if (role == StreamRole::host_compute) host_calls = std::make_unique<HostCalls>(status, host_threads);
}

StreamState::~StreamState() {
  if (host_calls && device_status.lost()) HostCalls::abandon(std::move(host_calls));
}

void StreamState::submit_copies(Status& status) {
  if (copies.empty()) return;
  const std::uint64_t tag = copies.tag();
  const std::uint64_t bytes = copies.bytes();
  try {
    clock.begin();
    copies.submit(get(), status);
  } catch (...) {
    copies.forget();
    throw;
  }
  clock.end("copy", tag, bytes);
}

StreamId StreamTable::create(StreamRole role) {
  const auto live =
      std::count_if(streams_.begin(), streams_.end(), [](const auto& state) { return state != nullptr; });
  if (live >= static_cast<std::ptrdiff_t>(limits::streams_max)) {
    throw Error(ErrorCode::usage, fmt::format("create_stream: {} streams exist, expected at most {}", live,
                                              limits::streams_max));
  }
  const StreamId id{static_cast<StreamId::rep>(streams_.size())};
  streams_.reserve(streams_.size() + 1);
  streams_.push_back(std::make_unique<StreamState>(status_, clock_options_, priorities_.of(role), id, role,
                                                   host_threads_, blas_options_));
  return id;
}

void StreamTable::destroy(StreamId stream) noexcept {
  if (find(stream) != nullptr) streams_[stream.index()].reset();
}

StreamState* StreamTable::find(StreamId stream) noexcept {
  return stream.index() < streams_.size() ? streams_[stream.index()].get() : nullptr;
}

StreamState& StreamTable::operator[](StreamId stream) {
  if (StreamState* const state = find(stream); state != nullptr) return *state;
  throw Error(ErrorCode::usage, fmt::format("stream {} does not exist, expected one that create_stream gave "
                                            "and destroy_stream has not taken",
                                            stream.value));
}

}  // namespace prophet::cuda
