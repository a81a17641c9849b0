#pragma once

#include <cuda_runtime_api.h>

#include "runtime/device/cuda/status.hpp"

namespace prophet::cuda {

/// One capture of what a stream is given into a graph. Ends in take(), or, when something throws before, is
/// broken off in the destructor and nothing stays.
class GraphCapture {
 public:
  GraphCapture(cudaStream_t stream, Status& status);
  /// Into the body of a conditional node.
  GraphCapture(cudaStream_t stream, cudaGraph_t body, Status& status);
  GraphCapture(const GraphCapture&) = delete;
  GraphCapture& operator=(const GraphCapture&) = delete;
  ~GraphCapture();

  /// A condition that is 0 whenever the graph begins.
  [[nodiscard]] cudaGraphConditionalHandle add_condition();
  /// A node behind everything captured so far, with what its body is captured into: it runs if the condition
  /// is not 0 when its turn comes.
  [[nodiscard]] cudaGraph_t add_if(cudaGraphConditionalHandle condition);
  /// Ends the capture. The graph is the caller's to destroy, unless it is a body.
  [[nodiscard]] cudaGraph_t take();

 private:
  cudaStream_t stream_;
  Status& status_;
  bool is_body_;
  bool open_ = true;
};

/// Owns a graph that can be launched.
class OwnedGraph {
 public:
  /// Takes `graph` over, also when it throws.
  OwnedGraph(cudaGraph_t graph, Status& status);
  OwnedGraph(const OwnedGraph&) = delete;
  OwnedGraph& operator=(const OwnedGraph&) = delete;
  ~OwnedGraph();
  void launch(cudaStream_t stream);

 private:
  Status& status_;
  cudaGraphExec_t exec_ = nullptr;
};

}  // namespace prophet::cuda
