// Stream capture of the CUDA runtime.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <atomic>
#include <unordered_set>
#include <utility>

#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/graph.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {
namespace {

std::atomic<std::uint64_t> last_capture_id{0};

bool is_mode(cudaStreamCaptureMode mode) {
  return mode == cudaStreamCaptureModeGlobal || mode == cudaStreamCaptureModeThreadLocal ||
         mode == cudaStreamCaptureModeRelaxed;
}

cudaError_t begin_capture(const StreamPtr& stream, const std::shared_ptr<Capture>& capture) {
  if (!stream) return cudaErrorInvalidResourceHandle;
  if (stream->is_legacy) return cudaErrorStreamCaptureUnsupported;
  if (!is_mode(capture->mode)) return cudaErrorInvalidValue;
  const QuietLock lock(captures_mutex());
  if (stream->capture) return cudaErrorIllegalState;
  capture->origin = stream.get();
  capture->id = ++last_capture_id;
  capture->frontier[stream.get()] = capture->begun_after;
  stream->capture = capture;
  return cudaSuccess;
}

/// Every node that the frontier of the origin comes after, itself included.
std::unordered_set<const GraphNode*> joined_nodes(const Capture& capture) {
  std::unordered_set<const GraphNode*> joined;
  std::vector<const GraphNode*> open;
  for (const NodePtr& node : capture.frontier.at(capture.origin)) open.push_back(node.get());
  while (!open.empty()) {
    const GraphNode* node = open.back();
    open.pop_back();
    if (!joined.insert(node).second) continue;
    for (const NodePtr& before : node->after) open.push_back(before.get());
  }
  return joined;
}

/// A stream that joined the capture must have been waited for.
bool is_joined(const Capture& capture) {
  const auto joined = joined_nodes(capture);
  return std::all_of(capture.frontier.begin(), capture.frontier.end(), [&](const auto& of_stream) {
    return std::all_of(of_stream.second.begin(), of_stream.second.end(),
                       [&](const NodePtr& node) { return joined.contains(node.get()); });
  });
}

/// No stream captures any more; the graph is the caller's, or nobody's.
cudaError_t close_capture(const StreamPtr& stream, std::shared_ptr<Capture>& capture) {
  const QuietLock lock(captures_mutex());
  if (!stream->capture) return cudaErrorIllegalState;
  capture = stream->capture;
  if (capture->origin != stream.get()) return cudaErrorStreamCaptureUnmatched;
  for (const StreamPtr& other : streams().all())
    if (other->capture == capture) other->capture.reset();
  capture->ended = true;
  if (capture->invalidated) return cudaErrorStreamCaptureInvalidated;
  return is_joined(*capture) ? cudaSuccess : cudaErrorStreamCaptureUnjoined;
}

/// Ends the capture in any case; `refusal` is the error that the call returns all the same, and then makes no
/// graph.
cudaError_t end_capture(cudaStream_t handle, cudaGraph_t* graph, cudaError_t refusal) {
  if (graph == nullptr) return cudaErrorInvalidValue;
  *graph = nullptr;
  const StreamPtr stream = find_stream(handle);
  if (!stream) return cudaErrorInvalidResourceHandle;
  std::shared_ptr<Capture> capture;
  const cudaError_t closed = close_capture(stream, capture);
  if (capture && capture->ended && capture->handle_is_temporary) {
    graphs_in_capture().remove(capture->handle);
    capture->handle = nullptr;
  }
  if (closed != cudaSuccess || refusal != cudaSuccess) return closed;
  *graph = capture->handle != nullptr ? capture->handle : graphs().add(capture->graph);
  return cudaSuccess;
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call(__func__, [&] {
    auto capture = std::make_shared<Capture>();
    capture->graph = std::make_shared<Graph>();
    capture->mode = mode;
    return begin_capture(find_stream(stream), capture);
  });
}

cudaError_t cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                          const cudaGraphNode_t* after, const cudaGraphEdgeData* edges,
                                          size_t after_count, cudaStreamCaptureMode mode) {
  return call(__func__, [&] {
    auto capture = std::make_shared<Capture>();
    capture->graph = find_graph(graph);
    if (!capture->graph) return cudaErrorInvalidValue;
    if (edges != nullptr || (after == nullptr && after_count != 0)) return cudaErrorInvalidValue;
    for (std::size_t i = 0; i < after_count; ++i) {
      NodePtr node = find_node(*capture->graph, after[i]);
      if (!node) return cudaErrorInvalidValue;
      capture->begun_after.push_back(std::move(node));
    }
    capture->handle = graph;
    capture->mode = mode;
    return begin_capture(find_stream(stream), capture);
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const cudaError_t refusal = begin_call(__func__);
  const cudaError_t own = end_capture(stream, graph, refusal);
  return end_call(refusal != cudaSuccess ? refusal : own);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call(__func__, [&] {
    const StreamPtr found = find_stream(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    if (status == nullptr) return cudaErrorInvalidValue;
    const QuietLock lock(captures_mutex());
    *status = cudaStreamCaptureStatusNone;
    if (found->capture)
      *status =
          found->capture->invalidated ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                     unsigned long long* id, cudaGraph_t* graph,
                                     const cudaGraphNode_t** after, const cudaGraphEdgeData** edges,
                                     size_t* after_count) {
  return call(__func__, [&] {
    const StreamPtr found = find_stream(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    if (status == nullptr) return cudaErrorInvalidValue;
    const QuietLock lock(captures_mutex());
    *status = cudaStreamCaptureStatusNone;
    if (!found->capture) return cudaSuccess;
    Capture& capture = *found->capture;
    *status = capture.invalidated ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
    if (id != nullptr) *id = capture.id;
    if (graph != nullptr) {
      if (capture.handle == nullptr) {
        capture.handle = graphs_in_capture().add(capture.graph);
        capture.handle_is_temporary = true;
      }
      *graph = capture.handle;
    }
    if (after != nullptr) {
      capture.told.clear();
      for (const NodePtr& node : capture.frontier[found.get()]) capture.told.push_back(handle_of(*node));
      *after = capture.told.data();
    }
    if (after_count != nullptr) *after_count = capture.frontier[found.get()].size();
    if (edges != nullptr) *edges = nullptr;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* nodes,
                                                const cudaGraphEdgeData* edges, size_t count,
                                                unsigned flags) {
  return call(__func__, [&] {
    const StreamPtr found = find_stream(stream);
    if (!found) return cudaErrorInvalidResourceHandle;
    if (edges != nullptr || (nodes == nullptr && count != 0)) return cudaErrorInvalidValue;
    const QuietLock lock(captures_mutex());
    if (!found->capture) return cudaErrorIllegalState;
    auto& frontier = found->capture->frontier[found.get()];
    std::vector<NodePtr> next;
    if (flags == cudaStreamAddCaptureDependencies) next = frontier;
    for (std::size_t i = 0; i < count; ++i) {
      NodePtr node = find_node(*found->capture->graph, nodes[i]);
      if (!node) return cudaErrorInvalidValue;
      next.push_back(std::move(node));
    }
    frontier = std::move(next);
    return cudaSuccess;
  });
}

}  // extern "C"
