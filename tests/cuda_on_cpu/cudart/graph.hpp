#pragma once

#include <driver_types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tests/cuda_on_cpu/cudart/handle_table.hpp"
#include "tests/cuda_on_cpu/cudart/scheduler.hpp"

namespace prophet::cuda_on_cpu {

struct Graph;
struct GraphNode;
using NodePtr = std::shared_ptr<GraphNode>;

/// What a conditional node decides on, and the bodies it decides between.
struct Conditional {
  cudaGraphConditionalHandle handle = 0;
  cudaGraphConditionalNodeType type = cudaGraphCondTypeIf;
  std::vector<std::shared_ptr<Graph>> bodies;
  std::vector<cudaGraph_t> handles;  ///< of the bodies, given to the caller
};

struct GraphNode {
  cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
  std::function<cudaError_t()> run;
  bool is_host_function = false;
  std::vector<NodePtr> after;
  std::shared_ptr<Conditional> conditional;
};

/// Nodes in the order in which they were added: every node stands behind those that it comes after.
struct Graph {
  std::vector<NodePtr> nodes;
  struct HandleDefault {
    cudaGraphConditionalHandle handle = 0;
    unsigned value = 0;
    bool assign = false;  ///< at every launch
  };
  std::vector<HandleDefault> conditional_handles;
  std::weak_ptr<Graph> around;        ///< of a body: the graph that its node stands in
  std::weak_ptr<Graph> instantiated;  ///< the latest executable graph that was made of it
  std::uint64_t launches = 0;
  Signal last_launch;
};
using GraphPtr = std::shared_ptr<Graph>;

[[nodiscard]] HandleTable<cudaGraph_t, Graph>& graphs();
/// Bodies of conditional nodes: they are alive as long as their node.
[[nodiscard]] HandleTable<cudaGraph_t, Graph>& body_graphs();
[[nodiscard]] HandleTable<cudaGraphExec_t, Graph>& graph_execs();
/// Graphs whose capture is under way and whose handle was asked for: they are nobody's to destroy yet.
[[nodiscard]] HandleTable<cudaGraph_t, Graph>& graphs_in_capture();
/// A whole graph or a body.
[[nodiscard]] GraphPtr find_graph(cudaGraph_t handle);
/// The same, and graphs that are being captured.
[[nodiscard]] GraphPtr find_graph_or_captured(cudaGraph_t handle);

/// Unlike other handles a node's is its address: nodes live as long as their graph.
[[nodiscard]] inline cudaGraphNode_t handle_of(GraphNode& node) {
  return reinterpret_cast<cudaGraphNode_t>(&node);
}
[[nodiscard]] NodePtr find_node(const Graph& graph, cudaGraphNode_t handle);

/// Whether CUDA lets a node of `graph` decide by the handle: it is of this graph or of one around it.
[[nodiscard]] bool owns_condition(const Graph& graph, cudaGraphConditionalHandle handle);

/// Whether the graph keeps what CUDA demands of conditional nodes: bodies hold nodes of some types only,
/// every handle has a node, and there is one executable graph of it at a time.
[[nodiscard]] bool may_be_instantiated(const Graph& graph);

/// A graph that shares no node with the original.
[[nodiscard]] GraphPtr copy_of(const Graph& graph);

/// Runs all nodes, one after another, in an order that the edges allow and the seed draws.
cudaError_t run_graph(const Graph& graph, std::uint64_t seed);

}  // namespace prophet::cuda_on_cpu
