#include "runtime/engine/serve/served_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "prophet/error.hpp"
#include "runtime/engine/serve/serve_options.hpp"

namespace prophet {

PrefillRouting parse_prefill_routing(std::string_view name) {
  if (name == "rows") return PrefillRouting::rows;
  if (name == "all") return PrefillRouting::all;
  throw Error(ErrorCode::usage, fmt::format("--prefill-routing {}: expected rows or all", name));
}

Preemption parse_preemption(std::string_view name) {
  if (name == "recompute") return Preemption::recompute;
  if (name == "swap") return Preemption::swap;
  throw Error(ErrorCode::usage, fmt::format("--preemption {}: expected recompute or swap", name));
}

ServedModel::ServedModel(Device& device, const RoutingTrace& trace, const Workload& workload,
                         std::uint32_t tokens_max, PrefillRouting prefill, RunningCurve& curve,
                         std::uint64_t seed)
    : device_(device),
      base_(device, trace, workload, tokens_max, seed),
      query_(device, MemoryKind::device, std::uint64_t{workload.hidden_size} * sizeof(float)),
      prefill_(prefill),
      curve_(curve) {}

void ServedModel::expect(StepKind kind, const AttentionWork& work) noexcept {
  kind_ = kind;
  const std::uint32_t layers = workload().grid.layers;
  work_ = {work.bytes / layers, work.flops / layers};
}

void ServedModel::begin(std::span<const StepToken> tokens, StreamId compute) {
  if (kind_ == StepKind::decode) curve_.begin_pass(static_cast<std::uint32_t>(tokens.size()));
  base_.begin(tokens, compute);
}

void ServedModel::launch_dense(LayerId layer, std::span<const StepToken> tokens, StreamId compute) {
  for (std::uint64_t left = work_.bytes; left > 0;) {
    const std::uint64_t bytes = std::min(left, base_.resident_weights().size_bytes);
    launch_attention(layer, bytes, bytes == left ? work_.flops : 0, compute);
    left -= bytes;
  }
  base_.launch_dense(layer, tokens, compute);
}

/// The weights stand in for keys and values: a sim reads no more of an operand than its size.
void ServedModel::launch_attention(LayerId layer, std::uint64_t bytes, std::uint64_t flops,
                                   StreamId compute) {
  DenseOp attention;
  attention.tokens = 1;
  attention.weights = base_.resident_weights().slice(0, bytes);
  attention.hidden = query_.view();
  attention.hidden_size = workload().hidden_size;
  attention.flops = flops;
  device_.launch(compute, attention, layer.value);
}

void ServedModel::read_routing(LayerId layer, std::span<const StepToken> tokens, std::span<ExpertId> chosen) {
  if (kind_ == StepKind::prefill && prefill_ == PrefillRouting::all) {
    const std::uint32_t experts = workload().grid.experts;
    for (std::size_t i = 0; i < chosen.size(); ++i)
      chosen[i] = ExpertId{static_cast<std::uint32_t>(i % experts)};
  } else {
    base_.read_routing(layer, tokens, chosen);
  }
  if (kind_ != StepKind::decode) return;
  for (const ExpertId expert : chosen) curve_.request(workload().grid.index(layer, expert));
}

ExpertOp ServedModel::expert(std::uint32_t tokens, std::uint32_t first_output, std::uint32_t rows) const {
  return base_.expert(tokens, first_output, rows);
}

void ServedModel::launch_combine(LayerId layer, std::span<const std::uint32_t> slots, std::uint32_t tokens,
                                 StreamId compute) {
  base_.launch_combine(layer, slots, tokens, compute);
}

void ServedModel::end(std::span<const StepToken> tokens, StreamId compute) {
  base_.end(tokens, compute);
}

std::uint64_t ServedModel::outputs_checksum(std::uint32_t tokens) {
  return base_.outputs_checksum(tokens);
}

std::uint64_t ServedModel::device_bytes() const noexcept {
  return base_.device_bytes() + query_.view().size_bytes;
}

}  // namespace prophet
