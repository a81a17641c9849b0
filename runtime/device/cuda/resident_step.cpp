#include "runtime/device/cuda/resident_step.hpp"

#include <fmt/format.h>

#include "kernels/resolve.hpp"
#include "prophet/error.hpp"
#include "runtime/device/cuda/gpu.hpp"
#include "runtime/device/cuda/nvtx.hpp"

namespace prophet::cuda {
namespace {

constexpr const char* where = "resident step";

std::uint64_t choices_of(const ResidentStepPlan& plan) noexcept {
  return std::uint64_t{plan.grid.layers} * plan.tokens * plan.top_k;
}

void require(bool holds, const char* what) {
  if (!holds) throw Error(ErrorCode::usage, fmt::format("{}: {}", where, what));
}

const ResidentStepPlan& checked(const ResidentStepPlan& plan, const BufferTable& buffers) {
  buffers.check(plan.dense, "resident step: the dense weights");
  buffers.check(plan.slabs, "resident step: the slabs");
  buffers.check(plan.hidden, "resident step: hidden");
  buffers.check(plan.outputs, "resident step: the outputs");
  const std::uint64_t row_bytes = sizeof(float) * std::uint64_t{plan.hidden_size};
  const auto holds = [](std::uint64_t bytes, std::uint64_t stride, std::uint64_t size, std::uint64_t count) {
    return stride != 0 && size <= stride && count != 0 && size <= bytes &&
           count - 1 <= (bytes - size) / stride;
  };
  require(row_bytes != 0 && plan.hidden.size_bytes / row_bytes >= plan.tokens,
          "hidden is smaller than tokens x hidden_size, expected room for all rows");
  require(plan.outputs.size_bytes / row_bytes >= std::uint64_t{plan.tokens} * plan.top_k,
          "the outputs are smaller than tokens x top_k rows, expected room for all");
  require(holds(plan.dense.size_bytes, plan.dense_stride_bytes, plan.dense_bytes, plan.grid.layers),
          "the dense weights do not hold every layer at its stride, expected room for all");
  require(holds(plan.slabs.size_bytes, plan.slab_stride_bytes, plan.expert_bytes, plan.slab_count),
          "the slabs do not hold an expert each at their stride, expected room for all");
  require(plan.checksums.empty() || plan.checksums.size() == plan.grid.size(),
          "there are checksums of some experts, expected one of each or none");
  return plan;
}

}  // namespace

bool can_be_captured(const ResidentStepPlan& plan) noexcept {
  const std::uint64_t choices = std::uint64_t{plan.tokens} * plan.top_k;
  return plan.grid.layers != 0 && plan.grid.experts != 0 && choices != 0 &&
         plan.grid.experts <= kernels::resolve_experts_max && choices <= kernels::resolve_choices_max;
}

GraphedResidentStep::GraphedResidentStep(const ResidentStepPlan& plan, const DeviceParts& parts)
    : plan_(checked(plan, parts.memory.buffers())),
      parts_(parts),
      table_(plan.grid.size(), parts.status),
      own_choices_(choices_bytes(), parts.status, where),
      choices_(choices_bytes(), parts.status, where),
      checksums_(plan.checksums.empty() ? DeviceMemory()
                                        : DeviceMemory(plan.checksums.size_bytes(), parts.status, where)),
      graph_(graph_plan(), parts.status) {
  upload_checksums(plan.checksums);
  plan_.checksums = {};
}

void GraphedResidentStep::upload_checksums(std::span<const std::uint64_t> checksums) {
  if (checksums.empty()) return;
  parts_.status.check(
      cudaMemcpy(checksums_.data(), checksums.data(), checksums.size_bytes(), cudaMemcpyHostToDevice),
      "cudaMemcpy", where);
  // From memory that is not pinned it may return before the bytes have arrived, and no stream of ours waits
  // for the default one.
  parts_.status.check(cudaStreamSynchronize(cudaStreamLegacy), "cudaStreamSynchronize", where);
}

std::uint64_t GraphedResidentStep::choices_bytes() const noexcept {
  return sizeof(std::uint32_t) * choices_of(plan_);
}

StepGraphPlan GraphedResidentStep::graph_plan() const {
  const MemoryTable& memory = parts_.memory;
  StepGraphPlan plan;
  plan.layers = plan_.grid.layers;
  plan.experts = plan_.grid.experts;
  plan.top_k = plan_.top_k;
  plan.tokens = plan_.tokens;
  plan.hidden_size = plan_.hidden_size;
  plan.dense =
      reinterpret_cast<const std::byte*>(memory.floats(plan_.dense, "resident step: the dense weights"));
  plan.dense_stride_bytes = plan_.dense_stride_bytes;
  plan.dense_rows = plan_.dense_bytes / sizeof(float) / plan_.hidden_size;
  plan.slabs = reinterpret_cast<const std::byte*>(memory.floats(plan_.slabs, "resident step: the slabs"));
  plan.slab_stride_bytes = plan_.slab_stride_bytes;
  plan.slab_count = plan_.slab_count;
  require(
      kernels::packed_fp32_layout(plan_.expert_bytes, plan_.hidden_size, plan.layout) == kernels::Status::ok,
      "an expert has fewer bytes than one row of its three matrices, expected at least 12 * hidden_size");
  plan.slab_of = table_.entries();
  plan.choices = reinterpret_cast<const std::uint32_t*>(choices_.data());
  plan.hidden = memory.floats(plan_.hidden, "resident step: hidden");
  plan.outputs = memory.floats(plan_.outputs, "resident step: the outputs");
  plan.checksums = reinterpret_cast<const std::uint64_t*>(checksums_.data());
  plan.verified_bytes = plan_.expert_bytes;
  plan.report = parts_.alarm.report();
  return plan;
}

std::span<std::uint32_t> GraphedResidentStep::choices() noexcept {
  return {reinterpret_cast<std::uint32_t*>(own_choices_.data()), choices_of(plan_)};
}

void GraphedResidentStep::check_expert(ExpertIndex expert) const {
  if (expert.value < table_.experts()) return;
  throw Error(ErrorCode::usage, fmt::format("{}: expert {}, expected one below the model's {}", where,
                                            expert.value, table_.experts()));
}

void GraphedResidentStep::set_slab(ExpertIndex expert, SlabId slab) {
  check_expert(expert);
  if (slab.value >= plan_.slab_count) {
    throw Error(ErrorCode::usage,
                fmt::format("{}: slab {}, expected one below {}", where, slab.value, plan_.slab_count));
  }
  table_.set(expert.value, slab.value);
}

void GraphedResidentStep::clear_slab(ExpertIndex expert) {
  check_expert(expert);
  table_.clear(expert.value);
}

void GraphedResidentStep::launch(StreamId compute) {
  parts_.status.refuse_if_lost(where);
  make_current(parts_.ordinal, parts_.status);
  StreamState& stream = parts_.streams[compute];
  stream.submit_copies(parts_.status);
  const std::uint64_t bytes = plan_.grid.layers * plan_.dense_bytes;
  const NvtxRange range({"resident step", 0, false, plan_.grid.experts, bytes});
  stream.clock.begin();
  table_.publish(stream.get());
  parts_.status.check(cudaMemcpyAsync(choices_.data(), own_choices_.data(), choices_bytes(),
                                      cudaMemcpyHostToDevice, stream.get()),
                      "cudaMemcpyAsync", where);
  graph_.launch(stream.get());
  stream.clock.end("resident step", 0, bytes);
}

std::optional<MissingExperts> GraphedResidentStep::missing() {
  const auto miss = graph_.missing();
  if (!miss) return std::nullopt;
  return MissingExperts{LayerId{miss->layer}, miss->experts};
}

}  // namespace prophet::cuda
