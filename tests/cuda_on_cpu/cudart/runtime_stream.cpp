// Streams of the CUDA runtime.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <utility>

#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/event.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {
namespace {

cudaError_t create_stream(cudaStream_t* handle, unsigned flags, int priority) {
  if (handle == nullptr || (flags & ~unsigned{cudaStreamNonBlocking}) != 0) return cudaErrorInvalidValue;
  auto stream = std::make_shared<Stream>();
  stream->device = current_device();
  stream->flags = flags;
  stream->priority = std::clamp(priority, priority_greatest, priority_least);
  stream->queue = Scheduler::instance().open(stream->device, stream->priority);
  *handle = streams().add(std::move(stream));
  return cudaSuccess;
}

/// An event that was recorded in a capture takes the waiting stream into it.
cudaError_t join_capture(Stream& stream, const Event& event) {
  const QuietLock lock(captures_mutex());
  if (event.capture->ended) return cudaErrorCapturedEvent;
  if (stream.capture && stream.capture != event.capture) return cudaErrorStreamCaptureMerge;
  if (stream.is_legacy) return cudaErrorStreamCaptureImplicit;
  stream.capture = event.capture;
  auto& frontier = event.capture->frontier[&stream];
  for (const NodePtr& node : event.captured)
    if (std::find(frontier.begin(), frontier.end(), node) == frontier.end()) frontier.push_back(node);
  return cudaSuccess;
}

cudaError_t wait_for(const StreamPtr& stream, Event& event) {
  const QuietLock event_lock(event.mutex);
  if (event.capture) return join_capture(*stream, event);
  {
    const QuietLock lock(captures_mutex());
    if (stream->capture) {
      // An event from outside: as in CUDA, a capture cannot depend on work that it does not hold.
      stream->capture->invalidated = true;
      return cudaErrorStreamCaptureIsolation;
    }
  }
  if (!event.recorded) return cudaSuccess;
  Work work;
  work.operation.after = {event.recorded};
  return enqueue(stream, std::move(work));
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return call(__func__, [&] { return create_stream(stream, cudaStreamDefault, priority_least); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return call(__func__, [&] { return create_stream(stream, flags, priority_least); });
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  return call(__func__, [&] { return create_stream(stream, flags, priority); });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return call(__func__, [&] {
    if (least != nullptr) *least = priority_least;
    if (greatest != nullptr) *greatest = priority_greatest;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  return call(__func__, [&] {
    const StreamPtr found = find_stream(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    if (priority == nullptr) return cudaErrorInvalidValue;
    *priority = found->priority;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* flags) {
  return call(__func__, [&] {
    const StreamPtr found = find_stream(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    if (flags == nullptr) return cudaErrorInvalidValue;
    *flags = found->flags;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return releasing_call(__func__, [&] {
    const StreamPtr found = streams().remove(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    {
      const QuietLock lock(captures_mutex());
      if (found->capture) found->capture->invalidated = true;
    }
    Scheduler::instance().close(found->queue);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return synchronising_call(__func__, [&] {
    const StreamPtr found = find_stream(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t refusal = refuse_if_capturing(*found); refusal != cudaSuccess) return refusal;
    if (found->is_legacy) {
      // What the blocking streams hold comes before the end of the legacy stream.
      Signal end;
      if (const cudaError_t result = enqueue(found, {}, &end); result != cudaSuccess) return result;
      Scheduler::instance().wait(end);
      return cudaSuccess;
    }
    synchronise(*found);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return call(__func__, [&] {
    const StreamPtr found = find_stream(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t refusal = refuse_if_capturing(*found); refusal != cudaSuccess) return refusal;
    Scheduler& scheduler = Scheduler::instance();
    return scheduler.is_done(scheduler.last(*found->queue)) ? take_late_error() : cudaErrorNotReady;
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return call(__func__, [&] {
    const StreamPtr found = find_stream(stream);
    const auto awaited = events().find(event);
    if (!found || !awaited) return cudaErrorInvalidResourceHandle;
    if (flags != cudaEventWaitDefault) return cudaErrorInvalidValue;
    return wait_for(found, *awaited);
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  return call(__func__, [&] {
    if (function == nullptr) return cudaErrorInvalidValue;
    Work work{.type = cudaGraphNodeTypeHost, .operation = {}};
    work.operation.place = Place::host;
    work.operation.run = [=] {
      function(argument);
      return cudaSuccess;
    };
    return enqueue(find_stream(stream), std::move(work));
  });
}

cudaError_t cudaDeviceSynchronize() {
  return synchronising_call(__func__, [&] {
    if (const cudaError_t refusal = refuse_while_capturing(); refusal != cudaSuccess) return refusal;
    for (const StreamPtr& stream : streams_of(current_device())) synchronise(*stream);
    return cudaSuccess;
  });
}

}  // extern "C"
