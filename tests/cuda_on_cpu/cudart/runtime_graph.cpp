// Graphs of the CUDA runtime.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/calls.hpp"
#include "tests/cuda_on_cpu/cudart/condition.hpp"
#include "tests/cuda_on_cpu/cudart/graph.hpp"
#include "tests/cuda_on_cpu/cudart/stream.hpp"

namespace prophet::cuda_on_cpu {
namespace {

cudaError_t instantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags) {
  constexpr unsigned long long known = cudaGraphInstantiateFlagAutoFreeOnLaunch |
                                       cudaGraphInstantiateFlagUpload |
                                       cudaGraphInstantiateFlagUseNodePriority;
  if (exec == nullptr || (flags & ~known) != 0) return cudaErrorInvalidValue;
  const GraphPtr found = graphs().find(graph);
  if (!found || !may_be_instantiated(*found)) return cudaErrorInvalidValue;
  GraphPtr made = copy_of(*found);
  found->instantiated = made;
  *exec = graph_execs().add(std::move(made));
  return cudaSuccess;
}

cudaError_t launch_graph(const GraphPtr& graph, const StreamPtr& stream) {
  if (!graph) return cudaErrorInvalidValue;
  Work work{.type = cudaGraphNodeTypeGraph, .operation = {}};
  work.operation.after = {graph->last_launch};  // launches of one graph follow each other in whatever streams
  const std::uint64_t seed = machine().seed + ++graph->launches;
  // The launch keeps what it launches: destroying the handle meanwhile is allowed.
  work.operation.run = [graph, nodes = *graph, seed] { return run_graph(nodes, seed); };
  return enqueue(stream, std::move(work), &graph->last_launch);
}

/// The bodies' handles end with the graph that their node was added to.
void forget_bodies(const Graph& graph) {
  for (const NodePtr& node : graph.nodes) {
    if (!node->conditional) continue;
    for (const cudaGraph_t handle : node->conditional->handles) {
      const GraphPtr body = body_graphs().remove(handle);
      if (body) forget_bodies(*body);
    }
  }
}

cudaError_t destroy_graph(cudaGraph_t handle) {
  const QuietRegion quiet;  // a launch that runs may be the last to let go, or this
  const GraphPtr graph = graphs().remove(handle);
  if (!graph) return cudaErrorInvalidValue;
  forget_bodies(*graph);
  return cudaSuccess;
}

/// The same nodes in the same places, as an update demands; their arguments may differ.
bool same_topology(const Graph& left, const Graph& right) {
  if (left.nodes.size() != right.nodes.size()) return false;
  const auto place = [](const Graph& graph, const NodePtr& node) {
    return std::find(graph.nodes.begin(), graph.nodes.end(), node) - graph.nodes.begin();
  };
  for (std::size_t i = 0; i < left.nodes.size(); ++i) {
    const GraphNode& a = *left.nodes[i];
    const GraphNode& b = *right.nodes[i];
    if (a.type != b.type || a.after.size() != b.after.size() || a.conditional || b.conditional) return false;
    for (std::size_t edge = 0; edge < a.after.size(); ++edge)
      if (place(left, a.after[edge]) != place(right, b.after[edge])) return false;
  }
  return true;
}

std::size_t bodies_allowed_max(cudaGraphConditionalNodeType type) {
  if (type == cudaGraphCondTypeIf) return 2;
  return type == cudaGraphCondTypeWhile ? 1 : 1024;
}

cudaError_t make_conditional(const GraphPtr& graph, GraphNode& node, cudaConditionalNodeParams& parameters) {
  if (!owns_condition(*graph, parameters.handle) || parameters.size == 0) return cudaErrorInvalidValue;
  if (parameters.size > bodies_allowed_max(parameters.type)) return cudaErrorInvalidValue;
  node.conditional = std::make_shared<Conditional>();
  node.conditional->handle = parameters.handle;
  node.conditional->type = parameters.type;
  for (unsigned i = 0; i < parameters.size; ++i) {
    node.conditional->bodies.push_back(std::make_shared<Graph>());
    node.conditional->bodies.back()->around = graph;
    node.conditional->handles.push_back(body_graphs().add(node.conditional->bodies.back()));
  }
  parameters.phGraph_out = node.conditional->handles.data();
  return cudaSuccess;
}

cudaError_t add_node(cudaGraphNode_t* handle, const GraphPtr& graph, const cudaGraphNode_t* after,
                     std::size_t count, cudaGraphNodeParams& parameters) {
  if (handle == nullptr || !graph || (after == nullptr && count != 0)) return cudaErrorInvalidValue;
  auto node = std::make_shared<GraphNode>();
  node->type = parameters.type;
  for (std::size_t i = 0; i < count; ++i) {
    NodePtr before = find_node(*graph, after[i]);
    if (!before) return cudaErrorInvalidValue;
    node->after.push_back(std::move(before));
  }
  // Kernels, copies and fills come from capture; what capture cannot make is made here.
  cudaError_t made = cudaErrorNotSupported;
  if (parameters.type == cudaGraphNodeTypeEmpty) made = cudaSuccess;
  if (parameters.type == cudaGraphNodeTypeConditional)
    made = make_conditional(graph, *node, parameters.conditional);
  if (made != cudaSuccess) return made;
  *handle = handle_of(*node);
  graph->nodes.push_back(std::move(node));
  return cudaSuccess;
}

}  // namespace
}  // namespace prophet::cuda_on_cpu

using namespace prophet::cuda_on_cpu;

extern "C" {

cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned flags) {
  return call(__func__, [&] {
    if (graph == nullptr || flags != 0) return cudaErrorInvalidValue;
    *graph = graphs().add(std::make_shared<Graph>());
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return releasing_call(__func__, [&] { return destroy_graph(graph); });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags) {
  return call(__func__, [&] { return instantiate(exec, graph, flags); });
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph,
                                          unsigned long long flags) {
  return call(__func__, [&] { return instantiate(exec, graph, flags); });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return releasing_call(__func__, [&] {
    const QuietRegion quiet;  // as for a graph
    return graph_execs().remove(exec) ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
  return call(__func__, [&] {
    if (!graph_execs().find(exec)) return cudaErrorInvalidValue;
    return find_stream(stream) ? cudaSuccess : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return call(__func__, [&] { return launch_graph(graph_execs().find(exec), find_stream(stream)); });
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo* info) {
  return call(__func__, [&] {
    const GraphPtr target = graph_execs().find(exec);
    const GraphPtr source = graphs().find(graph);
    if (!target || !source) return cudaErrorInvalidValue;
    const bool same = same_topology(*target, *source);
    if (info != nullptr) {
      *info = {};
      info->result = same ? cudaGraphExecUpdateSuccess : cudaGraphExecUpdateErrorTopologyChanged;
    }
    if (!same) return cudaErrorGraphExecUpdateFailure;
    target->nodes = copy_of(*source)->nodes;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  return call(__func__, [&] {
    const GraphPtr found = find_graph(graph);
    if (!found || count == nullptr) return cudaErrorInvalidValue;
    if (nodes != nullptr)
      for (std::size_t i = 0; i < *count; ++i)
        nodes[i] = i < found->nodes.size() ? handle_of(*found->nodes[i]) : nullptr;
    *count = nodes == nullptr ? found->nodes.size() : std::min(*count, found->nodes.size());
    return cudaSuccess;
  });
}

cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  return call(__func__, [&] {
    if (node == nullptr || type == nullptr) return cudaErrorInvalidValue;
    *type = reinterpret_cast<const GraphNode*>(node)->type;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphAddNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* after,
                             const cudaGraphEdgeData* edges, size_t after_count,
                             cudaGraphNodeParams* parameters) {
  return call(__func__, [&] {
    if (parameters == nullptr || edges != nullptr) return cudaErrorInvalidValue;
    return add_node(node, find_graph_or_captured(graph), after, after_count, *parameters);
  });
}

cudaError_t cudaGraphConditionalHandleCreate(cudaGraphConditionalHandle* handle, cudaGraph_t graph,
                                             unsigned value, unsigned flags) {
  return call(__func__, [&] {
    const GraphPtr found = find_graph_or_captured(graph);
    if (handle == nullptr || !found || (flags & ~unsigned{cudaGraphCondAssignDefault}) != 0)
      return cudaErrorInvalidValue;
    *handle = new_condition(value);
    found->conditional_handles.push_back({*handle, value, (flags & cudaGraphCondAssignDefault) != 0});
    return cudaSuccess;
  });
}

}  // extern "C"
