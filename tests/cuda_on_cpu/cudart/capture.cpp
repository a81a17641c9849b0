#include "tests/cuda_on_cpu/cudart/capture.hpp"

#include <utility>

#include "tests/cuda_on_cpu/cudart/quiet_lock.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {

std::mutex& captures_mutex() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}

void capture_node(Capture& capture, const Stream& stream, NodePtr node) {
  auto& frontier = capture.frontier[&stream];
  node->after = frontier;
  frontier = {node};
  capture.graph->nodes.push_back(std::move(node));
}

cudaError_t refuse_while_capturing() {
  const QuietLock lock(captures_mutex());
  cudaError_t result = cudaSuccess;
  for (const StreamPtr& stream : streams().all()) {
    if (!stream->capture || stream->capture->mode == cudaStreamCaptureModeRelaxed) continue;
    stream->capture->invalidated = true;
    result = cudaErrorStreamCaptureUnsupported;
  }
  return result;
}

cudaError_t refuse_if_capturing(const Stream& stream) {
  const QuietLock lock(captures_mutex());
  if (!stream.capture) return cudaSuccess;
  stream.capture->invalidated = true;
  return cudaErrorStreamCaptureUnsupported;
}

}  // namespace prophet::cuda_on_cpu
