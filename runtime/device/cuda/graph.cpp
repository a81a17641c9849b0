#include "runtime/device/cuda/graph.hpp"

namespace prophet::cuda {
namespace {

constexpr const char* where = "capturing a graph";

}  // namespace

GraphCapture::GraphCapture(cudaStream_t stream, Status& status)
    : stream_(stream), status_(status), is_body_(false) {
  status.check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture", where);
}

GraphCapture::GraphCapture(cudaStream_t stream, cudaGraph_t body, Status& status)
    : stream_(stream), status_(status), is_body_(true) {
  status.check(cudaStreamBeginCaptureToGraph(stream, body, nullptr, nullptr, 0, cudaStreamCaptureModeRelaxed),
               "cudaStreamBeginCaptureToGraph", where);
}

GraphCapture::~GraphCapture() {
  if (!open_ || status_.lost()) return;
  cudaGraph_t broken_off = nullptr;
  // What broke the capture has been thrown; that its end says so again is no news.
  if (cudaStreamEndCapture(stream_, &broken_off) != cudaSuccess) static_cast<void>(cudaGetLastError());
  if (!is_body_ && broken_off != nullptr)
    status_.note(cudaGraphDestroy(broken_off), "cudaGraphDestroy", where);
}

cudaGraphConditionalHandle GraphCapture::add_condition() {
  cudaStreamCaptureStatus capturing{};
  cudaGraph_t graph = nullptr;
  status_.check(cudaStreamGetCaptureInfo(stream_, &capturing, nullptr, &graph, nullptr, nullptr, nullptr),
                "cudaStreamGetCaptureInfo", where);
  cudaGraphConditionalHandle condition = 0;
  status_.check(cudaGraphConditionalHandleCreate(&condition, graph, 0, cudaGraphCondAssignDefault),
                "cudaGraphConditionalHandleCreate", where);
  return condition;
}

cudaGraph_t GraphCapture::add_if(cudaGraphConditionalHandle condition) {
  cudaStreamCaptureStatus capturing{};
  cudaGraph_t graph = nullptr;
  const cudaGraphNode_t* after = nullptr;
  std::size_t after_count = 0;
  status_.check(cudaStreamGetCaptureInfo(stream_, &capturing, nullptr, &graph, &after, nullptr, &after_count),
                "cudaStreamGetCaptureInfo", where);
  cudaGraphNodeParams parameters{};
  parameters.type = cudaGraphNodeTypeConditional;
  parameters.conditional.handle = condition;
  parameters.conditional.type = cudaGraphCondTypeIf;
  parameters.conditional.size = 1;
  cudaGraphNode_t node = nullptr;
  status_.check(cudaGraphAddNode(&node, graph, after, nullptr, after_count, &parameters), "cudaGraphAddNode",
                where);
  status_.check(
      cudaStreamUpdateCaptureDependencies(stream_, &node, nullptr, 1, cudaStreamSetCaptureDependencies),
      "cudaStreamUpdateCaptureDependencies", where);
  return parameters.conditional.phGraph_out[0];
}

cudaGraph_t GraphCapture::take() {
  cudaGraph_t graph = nullptr;
  open_ = false;
  const cudaError_t result = cudaStreamEndCapture(stream_, &graph);
  if (result != cudaSuccess && !is_body_ && graph != nullptr)
    status_.note(cudaGraphDestroy(graph), "cudaGraphDestroy", where);
  status_.check(result, "cudaStreamEndCapture", where);
  return graph;
}

OwnedGraph::OwnedGraph(cudaGraph_t graph, Status& status) : status_(status) {
  const cudaError_t result = cudaGraphInstantiate(&exec_, graph, 0);
  if (!is_unrecoverable(result)) status.note(cudaGraphDestroy(graph), "cudaGraphDestroy", where);
  status.check(result, "cudaGraphInstantiate", where);
}

OwnedGraph::~OwnedGraph() {
  if (exec_ == nullptr || status_.lost()) return;
  status_.note(cudaGraphExecDestroy(exec_), "cudaGraphExecDestroy", where);
}

void OwnedGraph::launch(cudaStream_t stream) {
  status_.check(cudaGraphLaunch(exec_, stream), "cudaGraphLaunch", "step graph");
}

}  // namespace prophet::cuda
