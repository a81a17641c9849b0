#include "runtime/device/cuda/step_graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/cuda/checksum.hpp"
#include "kernels/cuda/combine.hpp"
#include "kernels/cuda/dense.hpp"
#include "kernels/cuda/expert_ffn.hpp"
#include "kernels/cuda/graph_gate.hpp"
#include "kernels/cuda/resolve.hpp"
#include "kernels/dense.hpp"
#include "runtime/device/cuda/stream_table.hpp"

namespace prophet::cuda {
namespace {

constexpr const char* where = "step graph";

const StepGraphPlan& checked(const StepGraphPlan& plan) {
  const std::uint64_t choices = std::uint64_t{plan.tokens} * plan.top_k;
  if (plan.layers != 0 && choices != 0 && choices <= kernels::resolve_choices_max && plan.experts != 0 &&
      plan.experts <= kernels::resolve_experts_max)
    return plan;
  throw Error(
      ErrorCode::usage,
      fmt::format("{}: {} layers of {} experts, {} tokens x top-{}, expected at least 1 of each, at most "
                  "{} experts and {} choices",
                  where, plan.layers, plan.experts, plan.tokens, plan.top_k, kernels::resolve_experts_max,
                  kernels::resolve_choices_max));
}

std::uint64_t distinct_max(const StepGraphPlan& plan) noexcept {
  return std::min<std::uint64_t>(plan.experts, std::uint64_t{plan.tokens} * plan.top_k);
}

std::uint64_t list_values(const StepGraphPlan& plan) noexcept {
  return 2 + 2 * distinct_max(plan) + 1 + 2 * std::uint64_t{plan.tokens} * plan.top_k;
}

std::uint64_t workspace_bytes(const StepGraphPlan& plan) noexcept {
  const std::uint64_t dense = sizeof(float) * kernels::dense_workspace_floats(plan.tokens, plan.hidden_size);
  return std::max<std::uint64_t>(
      dense, kernels::cuda::expert_ffn_workspace_bytes(plan.layout, std::size_t{plan.tokens} * plan.top_k));
}

}  // namespace

StepGraph::StepGraph(const StepGraphPlan& plan, Status& status)
    : plan_(checked(plan)),
      status_(status),
      reports_(sizeof(kernels::ResolveReport) * std::uint64_t{plan.layers}, status, where),
      lists_(sizeof(std::uint32_t) * list_values(plan), status, where),
      slab_list_(sizeof(void*) * distinct_max(plan), status, where),
      sums_(sizeof(std::uint64_t) * distinct_max(plan), status, where),
      workspace_(std::max<std::uint64_t>(1, workspace_bytes(plan)), status, where) {
  capture();
}

void StepGraph::capture() {
  const OwnedStream stream(status_, 0);
  const OwnedStream body_stream(status_, 0);
  GraphCapture capture(stream.get(), status_);
  std::vector<cudaGraphConditionalHandle> conditions(plan_.layers);
  for (auto& condition : conditions) condition = capture.add_condition();
  open_layer(0, conditions[0], stream.get());
  for (std::uint32_t layer = 0; layer < plan_.layers; ++layer) {
    GraphCapture body(body_stream.get(), capture.add_if(conditions[layer]), status_);
    if (plan_.checksums != nullptr) verify_slabs(layer, body_stream.get());
    close_layer(body_stream.get());
    if (layer + 1 < plan_.layers) open_layer(layer + 1, conditions[layer + 1], body_stream.get());
    static_cast<void>(body.take());
  }
  graph_ = std::make_unique<OwnedGraph>(capture.take(), status_);
}

void StepGraph::open_layer(std::uint32_t layer, cudaGraphConditionalHandle condition, cudaStream_t stream) {
  const auto* const weights = reinterpret_cast<const float*>(plan_.dense + layer * plan_.dense_stride_bytes);
  status_.check(kernels::cuda::dense(plan_.hidden, weights, plan_.tokens, plan_.dense_rows, plan_.hidden_size,
                                     reinterpret_cast<float*>(workspace_.data()), stream),
                "the dense kernel's launch", where);
  const kernels::SlabTable table{plan_.slab_of + std::uint64_t{layer} * plan_.experts, plan_.experts,
                                 plan_.slab_count, plan_.slabs, plan_.slab_stride_bytes};
  auto* const report = reinterpret_cast<kernels::ResolveReport*>(reports_.device_data()) + layer;
  status_.check(kernels::cuda::resolve(plan_.choices + layer * choices_in_layer(), plan_.tokens, plan_.top_k,
                                       table, resolved(), report, stream),
                "the resolve kernel's launch", where);
  status_.check(kernels::cuda::graph_gate(condition, resolved().missing, stream), "the gate kernel's launch",
                where);
}

void StepGraph::verify_slabs(std::uint32_t layer, cudaStream_t stream) {
  const kernels::ResolvedExperts lists = resolved();
  const kernels::cuda::SlabList slabs{lists.slabs, lists.experts, lists.count,
                                      static_cast<std::uint32_t>(distinct_max(plan_))};
  const std::uint64_t first_expert = std::uint64_t{layer} * plan_.experts;
  status_.check(
      kernels::cuda::verify_list(slabs, plan_.verified_bytes, plan_.checksums + first_expert, first_expert,
                                 reinterpret_cast<std::uint64_t*>(sums_.data()), plan_.report, stream),
      "the checksum kernel's launch", where);
}

void StepGraph::close_layer(cudaStream_t stream) {
  const kernels::ResolvedExperts lists = resolved();
  kernels::cuda::ExpertList experts;
  experts.slabs = lists.slabs;
  experts.first_row = lists.first_row;
  experts.rows = lists.rows;
  experts.count = lists.count;
  experts.count_max = static_cast<std::uint32_t>(distinct_max(plan_));
  experts.rows_of_one_max = plan_.tokens;
  experts.slabs_on_16_bytes =
      reinterpret_cast<std::uintptr_t>(plan_.slabs) % 16 == 0 && plan_.slab_stride_bytes % 16 == 0;
  status_.check(kernels::cuda::expert_ffn_list(plan_.layout, kernels::ExpertActivation::swiglu, experts,
                                               {plan_.hidden, kernels::FloatFormat::fp32}, plan_.outputs,
                                               workspace_.data(), stream),
                "the expert kernel's launch", where);
  status_.check(kernels::cuda::combine(plan_.hidden, plan_.outputs, lists.slots, plan_.tokens, plan_.top_k,
                                       plan_.hidden_size, stream),
                "the combine kernel's launch", where);
}

kernels::ResolvedExperts StepGraph::resolved() const noexcept {
  auto* const values = reinterpret_cast<std::uint32_t*>(lists_.data());
  const std::uint64_t distinct = distinct_max(plan_);
  kernels::ResolvedExperts lists;
  lists.count = values;
  lists.missing = values + 1;
  lists.experts = values + 2;
  lists.first_row = lists.experts + distinct;
  lists.rows = lists.first_row + distinct + 1;
  lists.slots = lists.rows + choices_in_layer();
  lists.slabs = reinterpret_cast<const void**>(slab_list_.data());
  return lists;
}

void StepGraph::launch(cudaStream_t stream) {
  status_.refuse_if_lost(where);
  std::memset(reports_.data(), 0, sizeof(kernels::ResolveReport) * plan_.layers);
  graph_->launch(stream);
}

std::optional<GraphMiss> StepGraph::missing() const {
  auto* const reports = reinterpret_cast<kernels::ResolveReport*>(reports_.data());
  for (std::uint32_t layer = 0; layer < plan_.layers; ++layer) {
    if (std::atomic_ref(reports[layer].written).load(std::memory_order_acquire) == 0) {
      throw Error(
          ErrorCode::check_failed,
          fmt::format("{}: layer {} did not run, though no layer before it missed an expert", where, layer));
    }
    const kernels::ResolveReport& report = reports[layer];
    if (report.invalid != 0) {
      throw Error(ErrorCode::check_failed,
                  fmt::format("{}: {} choices of layer {} are of experts beyond its {}", where,
                              report.invalid, layer, plan_.experts));
    }
    if (report.missing == 0) continue;
    return GraphMiss{layer, {report.missing_experts, report.missing}};
  }
  return std::nullopt;
}

}  // namespace prophet::cuda
