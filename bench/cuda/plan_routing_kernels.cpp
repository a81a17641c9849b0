// What a layer does around its experts: dense part, router, resolve, combine, and the gate of a captured
// step.
#include <algorithm>
#include <memory>
#include <utility>

#include "bench/cuda/drawn_routing.hpp"
#include "bench/cuda/kernel_plans.hpp"
#include "kernels/cuda/combine.hpp"
#include "kernels/cuda/dense.hpp"
#include "kernels/cuda/graph_gate.hpp"
#include "kernels/cuda/resolve.hpp"
#include "kernels/cuda/router_topk.hpp"
#include "kernels/dense.hpp"
#include "runtime/device/cuda/graph.hpp"

namespace prophet::measure {
namespace {

template <class Id>
Launch prepare_router(CaseMemory& memory, const KernelShapes& shapes) {
  const kernels::RouterRule rule = shapes.router;
  const std::uint32_t tokens = shapes.tokens;
  const auto* const logits = memory.drawn_values<float>(std::uint64_t{tokens} * rule.experts);
  const float* const bias = shapes.router_bias ? memory.drawn_values<float>(rule.experts) : nullptr;
  auto* const ids = memory.room<Id>(std::uint64_t{tokens} * rule.top_k);
  auto* const weights = memory.room<float>(std::uint64_t{tokens} * rule.top_k);
  return [=](cudaStream_t stream) {
    return kernels::cuda::router_topk(logits, bias, tokens, rule, ids, weights, stream);
  };
}

/// Half of the experts have slabs.
Launch prepare_resolve(CaseMemory& memory, const KernelShapes& shapes) {
  const std::uint32_t tokens = shapes.tokens;
  const std::uint32_t experts = shapes.router.experts;
  const std::uint32_t top_k = shapes.router.top_k;
  const std::uint64_t choices = std::uint64_t{tokens} * top_k;
  const std::uint64_t distinct = std::min<std::uint64_t>(choices, experts);
  std::vector<std::uint32_t> slab_of(experts, kernels::no_slab);
  for (std::uint32_t e = 0; e < experts; e += 2) slab_of[e] = e / 2;
  Random random(memory.seed());
  const auto* const ids = memory.values(draw_choices(random, tokens, top_k, experts));
  const kernels::SlabTable table{memory.values(slab_of), experts, (experts + 1) / 2,
                                 memory.room<std::byte>(256), 256};
  kernels::ResolvedExperts resolved;
  resolved.count = memory.room<std::uint32_t>(1);
  resolved.missing = memory.room<std::uint32_t>(1);
  resolved.experts = memory.room<std::uint32_t>(distinct);
  resolved.slabs = memory.room<const void*>(distinct);
  resolved.first_row = memory.room<std::uint32_t>(distinct + 1);
  resolved.rows = memory.room<std::uint32_t>(choices);
  resolved.slots = memory.room<std::uint32_t>(choices);
  auto* const report =
      reinterpret_cast<kernels::ResolveReport*>(memory.mapped(sizeof(kernels::ResolveReport)));
  return [=](cudaStream_t stream) {
    return kernels::cuda::resolve(ids, tokens, top_k, table, resolved, report, stream);
  };
}

Launch prepare_combine(CaseMemory& memory, const KernelShapes& shapes) {
  const std::uint32_t tokens = shapes.tokens;
  const std::uint32_t top_k = shapes.router.top_k;
  const std::uint32_t hidden_size = shapes.hidden_size;
  std::vector<std::uint32_t> slots(std::size_t{tokens} * top_k);
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = static_cast<std::uint32_t>(slots.size() - 1 - i);
  auto* const hidden = memory.drawn_values<float>(std::uint64_t{tokens} * hidden_size);
  const auto* const outputs = memory.drawn_values<float>(slots.size() * hidden_size);
  const auto* const device_slots = memory.values(slots);
  return [=](cudaStream_t stream) {
    return kernels::cuda::combine(hidden, outputs, device_slots, tokens, top_k, hidden_size, stream);
  };
}

Launch prepare_dense(CaseMemory& memory, const KernelShapes& shapes, std::uint32_t tokens) {
  const std::uint32_t hidden_size = shapes.hidden_size;
  const std::uint64_t rows = shapes.dense_rows;
  auto* const hidden = memory.drawn_values<float>(std::uint64_t{tokens} * hidden_size);
  const auto* const weights = memory.drawn_values<float>(rows * hidden_size);
  auto* const workspace = memory.room<float>(kernels::dense_workspace_floats(tokens, hidden_size));
  return [=](cudaStream_t stream) {
    return kernels::cuda::dense(hidden, weights, tokens, rows, hidden_size, workspace, stream);
  };
}

/// A graph of a gate, its condition, which it opens, and four bytes to clear behind it: what a layer of a
/// captured step pays for the possibility to leave it.
Launch prepare_gate(CaseMemory& memory) {
  constexpr const char* where = "measure kernels";
  cuda::Status& status = memory.gpu().status();
  const auto* const missing = memory.values(std::vector<std::uint32_t>{0});
  auto* const cleared = memory.room<std::uint32_t>(1);
  const cuda::OwnedStream stream(status, 0);
  const cuda::OwnedStream body_stream(status, 0);
  cuda::GraphCapture capture(stream.get(), status);
  const cudaGraphConditionalHandle condition = capture.add_condition();
  status.check(kernels::cuda::graph_gate(condition, missing, stream.get()), "graph_gate", where);
  cuda::GraphCapture body(body_stream.get(), capture.add_if(condition), status);
  status.check(cudaMemsetAsync(cleared, 0, sizeof *cleared, body_stream.get()), "cudaMemsetAsync", where);
  static_cast<void>(body.take());
  const auto graph = std::make_shared<cuda::OwnedGraph>(capture.take(), status);
  return [graph](cudaStream_t to) {
    graph->launch(to);
    return cudaSuccess;
  };
}

}  // namespace

void plan_routing_kernels(const KernelShapes& shapes, std::vector<KernelPlan>& plans) {
  const std::uint32_t tokens = shapes.tokens;
  const std::uint32_t experts = shapes.router.experts;
  const std::uint32_t top_k = shapes.router.top_k;
  const ShapeNumbers routed{{"tokens", tokens}, {"experts", experts}, {"top_k", top_k}};
  plans.push_back({"router_topk", "ids of 16 bits", routed,
                   router_work(tokens, experts, top_k, sizeof(std::uint16_t), shapes.router_bias),
                   [=](CaseMemory& memory) { return prepare_router<std::uint16_t>(memory, shapes); }});
  plans.push_back({"router_topk", "ids of 32 bits", routed,
                   router_work(tokens, experts, top_k, sizeof(std::uint32_t), shapes.router_bias),
                   [=](CaseMemory& memory) { return prepare_router<std::uint32_t>(memory, shapes); }});
  plans.push_back({"resolve", "", routed, resolve_work(tokens, experts, top_k),
                   [=](CaseMemory& memory) { return prepare_resolve(memory, shapes); }});
  plans.push_back({"combine",
                   "",
                   {{"tokens", tokens}, {"top_k", top_k}, {"hidden", shapes.hidden_size}},
                   combine_work(tokens, top_k, shapes.hidden_size),
                   [=](CaseMemory& memory) { return prepare_combine(memory, shapes); }});
  for (const std::uint32_t rows_of : {1U, std::min(tokens, 8U)}) {
    plans.push_back({"dense",
                     "",
                     {{"tokens", rows_of}, {"rows", shapes.dense_rows}, {"hidden", shapes.hidden_size}},
                     dense_work(rows_of, shapes.dense_rows, shapes.hidden_size),
                     [=](CaseMemory& memory) { return prepare_dense(memory, shapes, rows_of); }});
  }
  plans.push_back({"graph_gate", "a whole graph", {}, graph_gate_work(), [](CaseMemory& memory) {
                     return prepare_gate(memory);
                   }});
}

}  // namespace prophet::measure
