#include "tests/cuda_on_cpu/cudart/stream.hpp"

#include <utility>

#include "tests/cuda_on_cpu/control.hpp"

namespace prophet::cuda_on_cpu {
namespace {

thread_local int chosen_device = 0;

struct LegacyStreams {
  std::mutex mutex;
  std::array<StreamPtr, devices_max> of_device;
};

LegacyStreams& legacy_streams() {
  static LegacyStreams& instance = *new LegacyStreams;
  return instance;
}

/// Work of the legacy default stream comes after all earlier work of blocking streams, and theirs after its.
void add_legacy_order(const Stream& stream, Operation& operation) {
  Scheduler& scheduler = Scheduler::instance();
  if (!stream.is_legacy) {
    if (stream.blocking()) operation.after.push_back(scheduler.last(*legacy_stream(stream.device)->queue));
    return;
  }
  for (const StreamPtr& other : streams().all())
    if (other->blocking() && other->device == stream.device)
      operation.after.push_back(scheduler.last(*other->queue));
}

/// True when a capture of a blocking stream is under way, which the legacy stream's work would have to join.
bool is_captured_implicitly(const Stream& stream) {
  for (const StreamPtr& other : streams().all())
    if (other->capture && other->blocking() && other->device == stream.device) return true;
  return false;
}

}  // namespace

HandleTable<cudaStream_t, Stream>& streams() {
  static auto& table = *new HandleTable<cudaStream_t, Stream>(0x51000000);
  return table;
}

int current_device() {
  return chosen_device;
}
void choose_device(int device) {
  chosen_device = device;
}

StreamPtr legacy_stream(int device) {
  LegacyStreams& all = legacy_streams();
  const QuietLock lock(all.mutex);
  StreamPtr& stream = all.of_device[static_cast<std::size_t>(device)];
  if (!stream) {
    stream = std::make_shared<Stream>();
    stream->device = device;
    stream->is_legacy = true;
    stream->queue = Scheduler::instance().open(device, priority_least);
  }
  return stream;
}

StreamPtr find_stream(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return legacy_stream(current_device());
  return streams().find(handle);
}

std::vector<StreamPtr> streams_of(int device) {
  std::vector<StreamPtr> found;
  for (const StreamPtr& stream : streams().all())
    if (stream->device == device) found.push_back(stream);
  found.push_back(legacy_stream(device));
  return found;
}

cudaError_t enqueue(const StreamPtr& stream, Work work, Signal* signal) {
  if (!stream) return cudaErrorInvalidResourceHandle;
  {
    const QuietLock lock(captures_mutex());
    if (stream->capture) {
      if (stream->capture->invalidated) return cudaErrorStreamCaptureInvalidated;
      auto node = std::make_shared<GraphNode>();
      node->type = work.type;
      node->run = std::move(work.operation.run);
      node->is_host_function = work.operation.place == Place::host;
      capture_node(*stream->capture, *stream, std::move(node));
      return cudaSuccess;
    }
    if (stream->is_legacy && is_captured_implicitly(*stream)) return cudaErrorStreamCaptureImplicit;
  }
  add_legacy_order(*stream, work.operation);
  Signal submitted = Scheduler::instance().submit(stream->queue, std::move(work.operation));
  if (signal != nullptr) *signal = std::move(submitted);
  return cudaSuccess;
}

void synchronise(const Stream& stream) {
  Scheduler& scheduler = Scheduler::instance();
  scheduler.wait(scheduler.last(*stream.queue));
}

}  // namespace prophet::cuda_on_cpu
