#include "runtime/engine/host_experts.hpp"

#include "runtime/base/checked.hpp"

namespace prophet {

HostExperts::HostExperts(Device& device, const HostStore& store, const StepModel& model,
                         std::uint32_t tokens_max)
    : device_(device),
      store_(store),
      model_(model),
      tokens_max_(tokens_max),
      row_bytes_(std::uint64_t{model.workload().hidden_size} * sizeof(float)),
      hidden_(device, MemoryKind::host_pinned, checked_mul(tokens_max, row_bytes_, "rows of experts")),
      outputs_(device, MemoryKind::host_pinned,
               checked_mul(tokens_max * row_bytes_, model.workload().top_k, "results of experts")),
      stream_(device, StreamRole::host_compute),
      done_(device) {
  // The accelerator writes rows of its outputs while others come from the host: each row is a unit of its
  // own.
  const std::uint32_t rows = tokens_max * model.workload().top_k;
  device.declare_units(model.expert(tokens_max, 0, rows).output, row_bytes_, row_bytes_);
}

ExpertOp HostExperts::host_op(std::uint32_t tokens, std::uint32_t first_output, std::uint32_t rows) const {
  ExpertOp op = model_.expert(tokens, first_output, rows);
  op.hidden = hidden_.view();  // all of it: a workspace is then of the widest step from the start
  op.output = outputs_.view().slice(first_output * row_bytes_, rows * row_bytes_);
  return op;
}

void HostExperts::start(LayerId layer, const LayerRequests& requests,
                        std::span<const std::uint32_t> positions, std::uint32_t tokens) {
  layer_ = layer;
  requests_ = &requests;
  positions_ = positions;
  tokens_ = tokens;
  const std::uint64_t bytes = tokens * row_bytes_;
  device_.copy(stream_.id(), hidden_.view().slice(0, bytes),
               model_.expert(tokens, 0, 1).hidden.slice(0, bytes), layer.value);
  activation_bytes_ += bytes;
  for (const std::uint32_t at : positions) {
    const ExpertIndex expert = requests.wanted()[at];
    const std::span<const std::uint32_t> rows = requests.rows(at);
    ExpertOp op = host_op(tokens, requests.first_output(at), static_cast<std::uint32_t>(rows.size()));
    op.slab = op.source = store_.expert(expert);
    op.rows = rows;
    device_.launch(stream_.id(), op, expert.value);
  }
}

/// Results that lie one behind the other are one copy.
void HostExperts::bring_results(StreamId compute) {
  std::uint32_t first = 0;
  std::uint32_t rows = 0;
  for (const std::uint32_t at : positions_) {
    if (rows != 0 && requests_->first_output(at) != first + rows) {
      copy_results(first, rows);
      rows = 0;
    }
    if (rows == 0) first = requests_->first_output(at);
    rows += static_cast<std::uint32_t>(requests_->rows(at).size());
  }
  copy_results(first, rows);
  device_.record(stream_.id(), done_.id());
  device_.wait(compute, done_.id());
}

void HostExperts::copy_results(std::uint32_t first_output, std::uint32_t rows) {
  const std::uint64_t bytes = rows * row_bytes_;
  device_.copy(stream_.id(), model_.expert(tokens_, first_output, rows).output,
               outputs_.view().slice(first_output * row_bytes_, bytes), layer_.value);
  activation_bytes_ += bytes;
}

}  // namespace prophet
