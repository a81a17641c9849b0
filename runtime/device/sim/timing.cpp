#include "runtime/device/sim/timing.hpp"

#include <algorithm>

#include "runtime/device/model_work.hpp"

namespace prophet::sim {
namespace {

constexpr double ns_per_s = 1e9;

/// Bytes of [rows, width] fp32 values.
std::uint64_t fp32_bytes(std::uint64_t rows, std::uint64_t width) {
  return rows * width * sizeof(float);
}

}  // namespace

Timing::Timing(const GpuProfile& profile, double jitter_fraction, std::uint64_t seed)
    : random_(seed),
      jitter_fraction_(jitter_fraction),
      copy_latency_ns_(static_cast<double>(profile.copy_latency_ns)),
      launch_latency_ns_(static_cast<double>(profile.launch_latency_ns)),
      up_ns_per_byte_(ns_per_s / profile.link_bytes_per_s),
      down_ns_per_byte_(ns_per_s / profile.link_down_bytes_per_s),
      memory_ns_per_byte_(ns_per_s / profile.memory_bytes_per_s),
      ns_per_flop_(ns_per_s / profile.flops_per_s),
      host_latency_ns_(static_cast<double>(profile.host_wake_ns)),
      host_ns_per_byte_(ns_per_s / profile.host_memory_bytes_per_s),
      host_ns_per_flop_(ns_per_s / profile.host_flops_per_s),
      host_cores_(static_cast<double>(profile.host_cores)),
      in_place_ns_per_byte_(ns_per_s / profile.zero_copy_bytes_per_s) {}

Work Timing::copy(MemoryKind destination, MemoryKind source, std::uint64_t bytes) {
  Work work{"copy", Engine::copy_up, false, bytes, 0};
  double ns_per_byte = up_ns_per_byte_;
  if (source == MemoryKind::device) {
    const bool within = destination == MemoryKind::device;
    work.engine = within ? Engine::compute : Engine::copy_down;
    ns_per_byte = within ? 2 * memory_ns_per_byte_ : down_ns_per_byte_;
  }
  work.duration_ns = jittered(copy_latency_ns_ + static_cast<double>(bytes) * ns_per_byte);
  return work;
}

Work Timing::launch(const ComputeOp& op, Placement placement) {
  const Reads read = std::visit([](const auto& one) { return reads(one); }, op);
  const auto bytes = static_cast<double>(read.bytes);
  const auto flops = static_cast<double>(read.flops);
  if (placement == Placement::on_host) {
    const double work_ns = std::max(bytes * host_ns_per_byte_, flops * host_ns_per_flop_);
    return {read.name, Engine::host, false, read.bytes, jittered(host_latency_ns_ + work_ns)};
  }
  const bool in_place = placement == Placement::in_place;
  const double memory_ns = bytes * (in_place ? in_place_ns_per_byte_ : memory_ns_per_byte_);
  return {read.name, Engine::compute, in_place, read.bytes,
          jittered(launch_latency_ns_ * read.kernels + std::max(memory_ns, flops * ns_per_flop_))};
}

std::uint64_t Timing::host_thread_ns(const HostWork& work) {
  const double memory_ns = static_cast<double>(work.bytes) * host_ns_per_byte_;
  const double arithmetic_ns = static_cast<double>(work.flops) * host_ns_per_flop_;
  return jittered(host_cores_ * std::max(memory_ns, arithmetic_ns));
}

Timing::Reads Timing::reads(const DenseOp& op) {
  return {op.name, op.weights.size_bytes + fp32_bytes(op.tokens, op.hidden_size), op.flops};
}

Timing::Reads Timing::reads(const ExpertOp& op) {
  return {op.name, op.slab.size_bytes + fp32_bytes(op.rows.size(), op.hidden_size), op.flops};
}

Timing::Reads Timing::reads(const CombineOp& op) {
  return {op.name, fp32_bytes(op.slots.size(), op.hidden_size), 0};
}

/// One kernel adds rows of w1, the next multiplies by w2.
Timing::Reads Timing::reads(const PredictOp& op) {
  const std::uint64_t added = std::uint64_t{op.groups} * op.lanes * op.ids_per_group * op.hidden;
  const std::uint64_t multiplied = std::uint64_t{op.lanes} * op.experts * op.hidden;
  return {op.name, bytes_of(op), added + 2 * multiplied, 2};
}

std::uint64_t Timing::jittered(double duration_ns) {
  if (jitter_fraction_ > 0) duration_ns *= 1 + jitter_fraction_ * random_.uniform();
  constexpr double longest_ns = static_cast<double>(duration_max_ns);
  return static_cast<std::uint64_t>(std::min(duration_ns + 0.5, longest_ns));
}

}  // namespace prophet::sim
