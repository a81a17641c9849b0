#include "tests/cuda_on_cpu/cudart/graph.hpp"

#include <algorithm>
#include <random>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "tests/cuda_on_cpu/control.hpp"
#include "tests/cuda_on_cpu/cudart/condition.hpp"
#include "tests/cuda_on_cpu/cudart/memory.hpp"

namespace prophet::cuda_on_cpu {
namespace {

using Copies = std::unordered_map<const GraphNode*, NodePtr>;

NodePtr copy_of(const GraphNode& node, const Copies& copies) {
  auto copy = std::make_shared<GraphNode>(node);
  for (NodePtr& before : copy->after) before = copies.at(before.get());
  if (node.conditional) {
    copy->conditional = std::make_shared<Conditional>(*node.conditional);
    for (GraphPtr& body : copy->conditional->bodies) body = copy_of(*body);
  }
  return copy;
}

bool may_stand_in_a_body(cudaGraphNodeType type) {
  return type == cudaGraphNodeTypeKernel || type == cudaGraphNodeTypeEmpty ||
         type == cudaGraphNodeTypeGraph || type == cudaGraphNodeTypeMemcpy ||
         type == cudaGraphNodeTypeMemset || type == cudaGraphNodeTypeConditional;
}

/// Collects the handles that nodes of the graph and of its bodies decide by.
bool bodies_are_allowed(const Graph& graph, std::unordered_set<cudaGraphConditionalHandle>& decided) {
  for (const NodePtr& node : graph.nodes) {
    if (!node->conditional) continue;
    decided.insert(node->conditional->handle);
    for (const GraphPtr& body : node->conditional->bodies) {
      const bool allowed = std::all_of(body->nodes.begin(), body->nodes.end(),
                                       [](const NodePtr& inner) { return may_stand_in_a_body(inner->type); });
      if (!allowed || !bodies_are_allowed(*body, decided)) return false;
      for (const auto& known : body->conditional_handles)
        if (!decided.contains(known.handle)) return false;
    }
  }
  return true;
}

const Graph* chosen_body(const Conditional& conditional) {
  const unsigned value = condition(conditional.handle);
  std::size_t index = value;
  if (conditional.type == cudaGraphCondTypeIf) index = value != 0 ? 0 : 1;
  if (conditional.type == cudaGraphCondTypeWhile) index = value != 0 ? 0 : conditional.bodies.size();
  return index < conditional.bodies.size() ? conditional.bodies[index].get() : nullptr;
}

cudaError_t run_nodes(const Graph& graph, std::mt19937_64& random);

cudaError_t run_conditional(const Conditional& conditional, std::mt19937_64& random) {
  const Graph* body = chosen_body(conditional);
  while (body != nullptr) {
    if (const cudaError_t result = run_nodes(*body, random); result != cudaSuccess) return result;
    if (conditional.type != cudaGraphCondTypeWhile) break;
    body = chosen_body(conditional);
  }
  return cudaSuccess;
}

cudaError_t run_plain(const GraphNode& node) {
  if (!node.run) return cudaSuccess;
  const ClosedForHostFunction closed(node.is_host_function && machine().strict);
  return node.run();
}

cudaError_t run_nodes(const Graph& graph, std::mt19937_64& random) {
  std::vector<NodePtr> waiting = graph.nodes;
  std::unordered_set<const GraphNode*> done;
  const auto is_ready = [&](const NodePtr& node) {
    return std::all_of(node->after.begin(), node->after.end(),
                       [&](const NodePtr& before) { return done.contains(before.get()); });
  };
  while (!waiting.empty()) {
    const auto first_waiting = std::partition(waiting.begin(), waiting.end(), is_ready);
    const auto ready = static_cast<std::uint64_t>(first_waiting - waiting.begin());
    if (ready == 0) return cudaErrorInvalidValue;
    const auto drawn = waiting.begin() + static_cast<std::ptrdiff_t>(random() % ready);
    const NodePtr node = *drawn;
    waiting.erase(drawn);
    const cudaError_t result =
        node->conditional ? run_conditional(*node->conditional, random) : run_plain(*node);
    if (result != cudaSuccess) return result;
    done.insert(node.get());
  }
  return cudaSuccess;
}

}  // namespace

HandleTable<cudaGraph_t, Graph>& graphs() {
  static auto& table = *new HandleTable<cudaGraph_t, Graph>(0x53000000);
  return table;
}

HandleTable<cudaGraph_t, Graph>& body_graphs() {
  static auto& table = *new HandleTable<cudaGraph_t, Graph>(0x54000000);
  return table;
}

HandleTable<cudaGraphExec_t, Graph>& graph_execs() {
  static auto& table = *new HandleTable<cudaGraphExec_t, Graph>(0x55000000);
  return table;
}

GraphPtr find_graph(cudaGraph_t handle) {
  GraphPtr found = graphs().find(handle);
  return found ? found : body_graphs().find(handle);
}

HandleTable<cudaGraph_t, Graph>& graphs_in_capture() {
  static auto& table = *new HandleTable<cudaGraph_t, Graph>(0x57000000);
  return table;
}

GraphPtr find_graph_or_captured(cudaGraph_t handle) {
  GraphPtr found = find_graph(handle);
  return found ? found : graphs_in_capture().find(handle);
}

NodePtr find_node(const Graph& graph, cudaGraphNode_t handle) {
  const auto found = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                  [&](const NodePtr& node) { return handle_of(*node) == handle; });
  return found == graph.nodes.end() ? nullptr : *found;
}

bool owns_condition(const Graph& graph, cudaGraphConditionalHandle handle) {
  const bool is_own = std::any_of(graph.conditional_handles.begin(), graph.conditional_handles.end(),
                                  [&](const auto& known) { return known.handle == handle; });
  const GraphPtr around = graph.around.lock();
  return is_own || (around && owns_condition(*around, handle));
}

bool may_be_instantiated(const Graph& graph) {
  std::unordered_set<cudaGraphConditionalHandle> decided;
  if (!bodies_are_allowed(graph, decided)) return false;
  const bool has_conditions = !decided.empty();
  if (has_conditions && graph.instantiated.lock()) return false;
  return std::all_of(graph.conditional_handles.begin(), graph.conditional_handles.end(),
                     [&](const auto& known) { return decided.contains(known.handle); });
}

GraphPtr copy_of(const Graph& graph) {
  auto copy = std::make_shared<Graph>(graph);
  Copies copies;
  for (NodePtr& node : copy->nodes) {
    const GraphNode* original = node.get();
    node = copy_of(*original, copies);
    copies[original] = node;
  }
  return copy;
}

cudaError_t run_graph(const Graph& graph, std::uint64_t seed) {
  for (const auto& handle : graph.conditional_handles)
    if (handle.assign) set_condition(handle.handle, handle.value);
  std::mt19937_64 random(seed);
  return run_nodes(graph, random);
}

}  // namespace prophet::cuda_on_cpu
