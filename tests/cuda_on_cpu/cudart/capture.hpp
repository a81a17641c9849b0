#pragma once

#include <driver_types.h>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "tests/cuda_on_cpu/cudart/graph.hpp"

namespace prophet::cuda_on_cpu {

struct Stream;

/// A stream capture under way. It begins with one stream; others join when they wait for an event recorded in
/// it, and must have been waited for when it ends. Guarded by captures_mutex().
struct Capture {
  GraphPtr graph;
  const Stream* origin = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  bool invalidated = false;
  bool ended = false;
  cudaGraph_t handle = nullptr;  ///< of the graph that existed before, or that was asked for meanwhile
  bool handle_is_temporary = false;
  std::vector<NodePtr> begun_after;
  std::uint64_t id = 0;
  std::map<const Stream*, std::vector<NodePtr>> frontier;  ///< what the next node of a stream comes after
  std::vector<cudaGraphNode_t> told;  ///< the frontier that cudaStreamGetCaptureInfo gave last
};

[[nodiscard]] std::mutex& captures_mutex();

/// Adds a node behind the stream's frontier.
void capture_node(Capture& capture, const Stream& stream, NodePtr node);

/// cudaErrorStreamCaptureUnsupported, and the capture is lost, where the calling thread would do what no
/// capture allows (allocate, free, wait) while a capture forbids it.
[[nodiscard]] cudaError_t refuse_while_capturing();

/// The same for a call that names the stream: any capture of it forbids the call.
[[nodiscard]] cudaError_t refuse_if_capturing(const Stream& stream);

}  // namespace prophet::cuda_on_cpu
