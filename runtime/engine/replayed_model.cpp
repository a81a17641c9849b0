#include "runtime/engine/replayed_model.hpp"

#include <algorithm>
#include <vector>

#include "kernels/checksum.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {

ReplayedModel::ReplayedModel(Device& device, const RoutingTrace& trace, const Workload& workload,
                             std::uint32_t tokens_max, std::uint64_t seed)
    : device_(device),
      trace_(trace),
      workload_(workload),
      row_bytes_(std::uint64_t{workload.hidden_size} * sizeof(float)),
      dense_bytes_(std::max<std::uint64_t>(1, workload.dense_bytes_per_layer)),
      dense_stride_bytes_(checked_round_up(dense_bytes_, Arena::default_alignment_bytes, "dense bytes")),
      dense_(device, MemoryKind::device,
             checked_mul(dense_stride_bytes_, workload.grid.layers, "dense bytes")),
      lookup_(workload.lookup_bytes == 0 ? Buffer()
                                         : Buffer(device, MemoryKind::device, workload.lookup_bytes)),
      hidden_(device, MemoryKind::device, tokens_max * row_bytes_),
      outputs_(device, MemoryKind::device,
               checked_mul(tokens_max * row_bytes_, workload.top_k, "activations")),
      host_hidden_(device, MemoryKind::host_pinned, tokens_max * row_bytes_) {
  if (device.info().has_bytes) fill(seed);
}

void ReplayedModel::fill(std::uint64_t seed) {
  const ExpertFiller weights = random_weights(seed, 1.0F);
  const Buffer staging(device_, MemoryKind::host_pinned, dense_bytes_);  // outlives the copies in the stream
  const Stream stream(device_, StreamRole::demand_copy);
  const std::uint32_t layers = workload_.grid.layers;
  for (std::uint32_t l = 0; l < layers; ++l) {
    weights(ExpertIndex{l}, device_.host_bytes(staging.view().slice(0, dense_bytes_)));
    device_.copy(stream.id(), dense(LayerId{l}), staging.view().slice(0, dense_bytes_), l);
    device_.synchronize();
  }
  weights(ExpertIndex{layers}, device_.host_bytes(host_hidden_.view()));
  device_.copy(stream.id(), hidden_.view(), host_hidden_.view(), 0);
  device_.synchronize();
}

void ReplayedModel::launch_dense(LayerId layer, std::span<const StepToken> tokens, StreamId compute) {
  DenseOp op;
  op.tokens = static_cast<std::uint32_t>(tokens.size());
  op.weights = dense(layer);
  op.hidden = hidden(op.tokens);
  op.hidden_size = workload_.hidden_size;
  op.flops = workload_.dense_flops_per_token * op.tokens;
  device_.launch(compute, op, layer.value);
  if (routers_ahead_) routers_ahead_->launch(layer, tokens, hidden(op.tokens), compute);
}

void ReplayedModel::apply_routers_ahead(const RecordedLogits& logits, std::uint32_t ahead_layers,
                                        std::uint32_t lanes) {
  routers_ahead_ = std::make_unique<ReplayedRouters>(device_, logits, workload_, ahead_layers, lanes);
}

void ReplayedModel::read_routing(LayerId layer, std::span<const StepToken> tokens,
                                 std::span<ExpertId> chosen) {
  read_choices(trace_, layer, tokens, chosen);
  if (routers_ahead_) routers_ahead_->read(layer, tokens);
}

LogitsAhead ReplayedModel::logits_ahead(LayerId, std::uint32_t) {
  return routers_ahead_ ? routers_ahead_->logits() : LogitsAhead{};
}

ExpertOp ReplayedModel::expert(std::uint32_t tokens, std::uint32_t first_output, std::uint32_t rows) const {
  ExpertOp op;
  op.hidden = hidden(tokens);
  op.output = outputs(first_output, rows);
  op.hidden_size = workload_.hidden_size;
  op.flops = workload_.expert_flops_per_token * rows;
  return op;
}

void ReplayedModel::launch_combine(LayerId layer, std::span<const std::uint32_t> slots, std::uint32_t tokens,
                                   StreamId compute) {
  CombineOp op;
  op.hidden = hidden(tokens);
  op.outputs = outputs(0, tokens * workload_.top_k);
  op.slots = slots;
  op.tokens = tokens;
  op.top_k = workload_.top_k;
  op.hidden_size = workload_.hidden_size;
  device_.launch(compute, op, layer.value);
}

void ReplayedModel::end(std::span<const StepToken> tokens, StreamId compute) {
  if (!device_.info().has_bytes) return;
  const auto rows = static_cast<std::uint32_t>(tokens.size());
  device_.copy(compute, host_hidden(rows), hidden(rows), workload_.grid.layers);
}

std::uint64_t ReplayedModel::outputs_checksum(std::uint32_t tokens) {
  return device_.info().has_bytes ? kernels::checksum(device_.host_bytes(host_hidden(tokens))) : 0;
}

std::uint64_t ReplayedModel::device_bytes() const noexcept {
  return dense_.view().size_bytes + lookup_.view().size_bytes + hidden_.view().size_bytes +
         outputs_.view().size_bytes + (routers_ahead_ ? routers_ahead_->device_bytes() : 0);
}

std::unique_ptr<CapturedSteps> ReplayedModel::captured_steps(Device& device, const HostStore& store,
                                                             const SlabMemory& slabs, std::uint32_t tokens,
                                                             bool verify) {
  if (tokens == 0) return nullptr;
  std::vector<std::uint64_t> checksums;
  for (std::uint32_t e = 0; verify && e < workload_.grid.size(); ++e)
    checksums.push_back(store.checksum(ExpertIndex{e}));
  ResidentStepPlan plan;
  plan.grid = workload_.grid;
  plan.top_k = workload_.top_k;
  plan.tokens = tokens;
  plan.hidden_size = workload_.hidden_size;
  plan.dense = dense_.view();
  plan.dense_bytes = dense_bytes_;
  plan.dense_stride_bytes = dense_stride_bytes_;
  plan.slabs = slabs.bytes();
  plan.expert_bytes = slabs.arena().expert_bytes;
  plan.slab_stride_bytes = slabs.arena().stride_bytes;
  plan.slab_count = slabs.arena().slabs;
  plan.hidden = hidden(tokens);
  plan.outputs = outputs(0, tokens * workload_.top_k);
  plan.checksums = checksums;
  std::unique_ptr<ResidentStep> step = device.make_resident_step(plan);
  if (step == nullptr) return nullptr;
  return std::make_unique<CapturedSteps>(std::move(step), trace_, workload_, tokens);
}

}  // namespace prophet
