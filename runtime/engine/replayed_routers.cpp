#include "runtime/engine/replayed_routers.hpp"

#include <algorithm>
#include <cstddef>

#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t router_weight_bytes = 2;  // bf16, as checkpoints have their routers

std::uint64_t logit_bytes(const Workload& workload, std::uint32_t routers, std::uint32_t tokens) {
  const std::uint64_t values = checked_mul(std::uint64_t{routers} * tokens, workload.grid.experts, "logits");
  return checked_mul(std::max<std::uint64_t>(1, values), sizeof(float), "logits");
}

}  // namespace

ReplayedRouters::ReplayedRouters(Device& device, const RecordedLogits& logits, const Workload& workload,
                                 std::uint32_t ahead_layers, std::uint32_t tokens_max)
    : device_(device),
      logits_(logits),
      experts_(workload.grid.experts),
      hidden_size_(workload.hidden_size),
      ahead_layers_(ahead_layers),
      weights_(device, MemoryKind::device, router_weight_bytes * experts_ * hidden_size_),
      outputs_(device, MemoryKind::device, logit_bytes(workload, ahead_layers, tokens_max)),
      host_outputs_(device, MemoryKind::host_pinned, logit_bytes(workload, ahead_layers, tokens_max)),
      room_(logit_bytes(workload, ahead_layers, tokens_max) / sizeof(float)) {
  if (device.info().has_bytes) fill();
}

/// Zeros: nothing is read of what comes of them.
void ReplayedRouters::fill() {
  const std::uint64_t size_bytes = weights_.view().size_bytes;
  const Buffer zeros(device_, MemoryKind::host_pinned, size_bytes);  // outlives the copy in the stream
  const std::span<std::byte> bytes = device_.host_bytes(zeros.view());
  std::fill(bytes.begin(), bytes.end(), std::byte{0});
  const Stream stream(device_, StreamRole::demand_copy);
  device_.copy(stream.id(), weights_.view(), zeros.view().slice(0, size_bytes), 0);
  device_.synchronize();
}

void ReplayedRouters::launch(LayerId layer, std::span<const StepToken> tokens, BufferView hidden,
                             StreamId compute) {
  if (tokens.empty() || !logits_.has(tokens.front().row)) return;
  const std::uint32_t routers = std::min(ahead_layers_, logits_.routers(layer));
  if (routers == 0) return;
  const std::uint64_t bytes = std::uint64_t{experts_} * tokens.size() * sizeof(float);
  LinearOp op;
  op.weights = {weights_.view(), kernels::FloatFormat::bf16, experts_, hidden_size_};
  op.input = hidden;
  op.tokens = static_cast<std::uint32_t>(tokens.size());
  for (std::uint32_t r = 0; r < routers; ++r) {
    op.output = outputs_.view().slice(r * bytes, bytes);
    device_.launch(compute, op, layer.value);
  }
  device_.copy(compute, host_outputs_.view().slice(0, routers * bytes),
               outputs_.view().slice(0, routers * bytes), layer.value);
}

}  // namespace prophet
