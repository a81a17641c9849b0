// Events of the CUDA runtime.
#include <cuda_runtime_api.h>

#include <chrono>
#include <utility>

#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/event.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {
namespace {

cudaError_t create_event(cudaEvent_t* handle, unsigned flags) {
  constexpr unsigned known = cudaEventBlockingSync | cudaEventDisableTiming;
  if (handle == nullptr || (flags & ~known) != 0) return cudaErrorInvalidValue;
  auto event = std::make_shared<Event>();
  event->flags = flags;
  event->device = current_device();
  *handle = events().add(std::move(event));
  return cudaSuccess;
}

/// True when the stream is capturing: the event then marks a place in the graph.
bool record_in_capture(const Stream& stream, Event& event) {
  const QuietLock lock(captures_mutex());
  if (!stream.capture) return false;
  event.capture = stream.capture;
  event.captured = stream.capture->frontier[&stream];
  event.recorded.reset();
  return true;
}

cudaError_t record(cudaEvent_t event, cudaStream_t stream) {
  const StreamPtr found = find_stream(stream);
  const auto recorded = events().find(event);
  if (!found || !recorded || found->device != recorded->device) return cudaErrorInvalidResourceHandle;
  const QuietLock lock(recorded->mutex);
  if (record_in_capture(*found, *recorded)) return cudaSuccess;
  Signal signal;
  const cudaError_t result = enqueue(found, {}, &signal);
  if (result != cudaSuccess) return result;
  recorded->recorded = signal;
  recorded->capture.reset();
  recorded->captured.clear();
  return cudaSuccess;
}

/// The record that who waits now waits for.
cudaError_t latest_record(cudaEvent_t handle, Signal& signal) {
  const auto event = events().find(handle);
  if (!event) return cudaErrorInvalidResourceHandle;
  const QuietLock lock(event->mutex);
  if (event->capture) return cudaErrorCapturedEvent;
  signal = event->recorded;
  return cudaSuccess;
}

cudaError_t finished_record(cudaEvent_t handle, std::chrono::steady_clock::time_point& at) {
  const auto event = events().find(handle);
  if (!event || (event->flags & cudaEventDisableTiming) != 0) return cudaErrorInvalidResourceHandle;
  Signal signal;
  if (const cudaError_t result = latest_record(handle, signal); result != cudaSuccess) return result;
  if (!signal) return cudaErrorInvalidResourceHandle;
  if (!Scheduler::instance().is_done(signal)) return cudaErrorNotReady;
  at = Scheduler::instance().done_at(signal);
  return cudaSuccess;
}

}  // namespace

HandleTable<cudaEvent_t, Event>& events() {
  static auto& table = *new HandleTable<cudaEvent_t, Event>(0x52000000);
  return table;
}

}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return call(__func__, [&] { return create_event(event, cudaEventDefault); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return call(__func__, [&] { return create_event(event, flags); });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return releasing_call(
      __func__, [&] { return events().remove(event) ? cudaSuccess : cudaErrorInvalidResourceHandle; });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return call(__func__, [&] { return record(event, stream); });
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  return call(__func__, [&] {
    return flags != cudaEventRecordDefault ? cudaErrorInvalidValue : record(event, stream);
  });
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  return call(__func__, [&] {
    Signal signal;
    if (const cudaError_t result = latest_record(event, signal); result != cudaSuccess) return result;
    return Scheduler::instance().is_done(signal) ? take_late_error() : cudaErrorNotReady;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return synchronising_call(__func__, [&] {
    Signal signal;
    if (const cudaError_t result = latest_record(event, signal); result != cudaSuccess) return result;
    Scheduler::instance().wait(signal);
    return cudaSuccess;
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  return call(__func__, [&] {
    if (milliseconds == nullptr) return cudaErrorInvalidValue;
    std::chrono::steady_clock::time_point from;
    std::chrono::steady_clock::time_point to;
    if (const cudaError_t result = finished_record(start, from); result != cudaSuccess) return result;
    if (const cudaError_t result = finished_record(end, to); result != cudaSuccess) return result;
    *milliseconds = std::chrono::duration<float, std::milli>(to - from).count();
    return cudaSuccess;
  });
}

}  // extern "C"
