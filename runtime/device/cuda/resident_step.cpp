#include "runtime/device/cuda/resident_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/cuda/combine.hpp"
#include "kernels/cuda/dense.hpp"
#include "kernels/cuda/expert_ffn.hpp"
#include "kernels/cuda/graph_gate.hpp"
#include "kernels/cuda/resolve.hpp"
#include "kernels/dense.hpp"
#include "runtime/device/cuda/stream_table.hpp"

namespace prophet::cuda {
namespace {

constexpr const char* where = "resident step";

const ResidentModel& checked(const ResidentModel& model) {
  const std::uint64_t choices = std::uint64_t{model.tokens} * model.top_k;
  if (model.layers != 0 && choices != 0 && choices <= kernels::resolve_choices_max && model.experts != 0 &&
      model.experts <= kernels::resolve_experts_max)
    return model;
  throw Error(
      ErrorCode::usage,
      fmt::format("{}: {} layers of {} experts, {} tokens x top-{}, expected at least 1 of each, at most "
                  "{} experts and {} choices",
                  where, model.layers, model.experts, model.tokens, model.top_k, kernels::resolve_experts_max,
                  kernels::resolve_choices_max));
}

std::uint64_t distinct_max(const ResidentModel& model) noexcept {
  return std::min<std::uint64_t>(model.experts, std::uint64_t{model.tokens} * model.top_k);
}

std::uint64_t list_values(const ResidentModel& model) noexcept {
  return 2 + 2 * distinct_max(model) + 1 + 2 * std::uint64_t{model.tokens} * model.top_k;
}

std::uint64_t workspace_bytes(const ResidentModel& model) noexcept {
  const std::uint64_t dense =
      sizeof(float) * kernels::dense_workspace_floats(model.tokens, model.hidden_size);
  return std::max<std::uint64_t>(dense, kernels::cuda::expert_ffn_workspace_bytes(
                                            model.layout, std::size_t{model.tokens} * model.top_k));
}

}  // namespace

ResidentStep::ResidentStep(const ResidentModel& model, Status& status)
    : model_(checked(model)),
      status_(status),
      reports_(sizeof(kernels::ResolveReport) * std::uint64_t{model.layers}, status, where),
      lists_(sizeof(std::uint32_t) * list_values(model), status, where),
      slab_list_(sizeof(void*) * distinct_max(model), status, where),
      outputs_(sizeof(float) * choices_in_layer() * model.hidden_size, status, where),
      workspace_(std::max<std::uint64_t>(1, workspace_bytes(model)), status, where) {
  capture();
}

void ResidentStep::capture() {
  const OwnedStream stream(status_, 0);
  const OwnedStream body_stream(status_, 0);
  GraphCapture capture(stream.get(), status_);
  std::vector<cudaGraphConditionalHandle> conditions(model_.layers);
  for (auto& condition : conditions) condition = capture.add_condition();
  open_layer(0, conditions[0], stream.get());
  for (std::uint32_t layer = 0; layer < model_.layers; ++layer) {
    GraphCapture body(body_stream.get(), capture.add_if(conditions[layer]), status_);
    close_layer(body_stream.get());
    if (layer + 1 < model_.layers) open_layer(layer + 1, conditions[layer + 1], body_stream.get());
    static_cast<void>(body.take());
  }
  graph_ = std::make_unique<OwnedGraph>(capture.take(), status_);
}

void ResidentStep::open_layer(std::uint32_t layer, cudaGraphConditionalHandle condition,
                              cudaStream_t stream) {
  const auto* const weights =
      reinterpret_cast<const float*>(model_.dense + layer * model_.dense_stride_bytes);
  status_.check(kernels::cuda::dense(model_.hidden, weights, model_.tokens, model_.dense_rows,
                                     model_.hidden_size, reinterpret_cast<float*>(workspace_.data()), stream),
                "the dense kernel's launch", where);
  const kernels::SlabTable table{model_.slab_of + std::uint64_t{layer} * model_.experts, model_.experts,
                                 model_.slab_count, model_.slabs, model_.slab_stride_bytes};
  auto* const report = reinterpret_cast<kernels::ResolveReport*>(reports_.device_data()) + layer;
  status_.check(kernels::cuda::resolve(model_.choices + layer * choices_in_layer(), model_.tokens,
                                       model_.top_k, table, resolved(), report, stream),
                "the resolve kernel's launch", where);
  status_.check(kernels::cuda::graph_gate(condition, resolved().missing, stream), "the gate kernel's launch",
                where);
}

void ResidentStep::close_layer(cudaStream_t stream) {
  const kernels::ResolvedExperts lists = resolved();
  kernels::cuda::ExpertList experts;
  experts.slabs = lists.slabs;
  experts.first_row = lists.first_row;
  experts.rows = lists.rows;
  experts.count = lists.count;
  experts.count_max = static_cast<std::uint32_t>(distinct_max(model_));
  experts.rows_of_one_max = model_.tokens;
  auto* const outputs = reinterpret_cast<float*>(outputs_.data());
  status_.check(kernels::cuda::expert_ffn_list(model_.layout, kernels::ExpertActivation::swiglu, experts,
                                               {model_.hidden, kernels::FloatFormat::fp32}, outputs,
                                               workspace_.data(), stream),
                "the expert kernel's launch", where);
  status_.check(kernels::cuda::combine(model_.hidden, outputs, lists.slots, model_.tokens, model_.top_k,
                                       model_.hidden_size, stream),
                "the combine kernel's launch", where);
}

kernels::ResolvedExperts ResidentStep::resolved() const noexcept {
  auto* const values = reinterpret_cast<std::uint32_t*>(lists_.data());
  const std::uint64_t distinct = distinct_max(model_);
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

void ResidentStep::launch(cudaStream_t stream) {
  status_.refuse_if_lost(where);
  std::memset(reports_.data(), 0, sizeof(kernels::ResolveReport) * model_.layers);
  graph_->launch(stream);
}

std::optional<MissingExperts> ResidentStep::missing() const {
  auto* const reports = reinterpret_cast<kernels::ResolveReport*>(reports_.data());
  for (std::uint32_t layer = 0; layer < model_.layers; ++layer) {
    if (std::atomic_ref(reports[layer].written).load(std::memory_order_acquire) == 0) break;
    const kernels::ResolveReport& report = reports[layer];
    if (report.invalid != 0) {
      throw Error(ErrorCode::check_failed,
                  fmt::format("{}: {} choices of layer {} are of experts beyond its {}", where,
                              report.invalid, layer, model_.experts));
    }
    if (report.missing == 0) continue;
    return MissingExperts{layer, {report.missing_experts, report.missing_experts + report.missing}};
  }
  return std::nullopt;
}

}  // namespace prophet::cuda
