#include "bench/analytic/step_time.hpp"

#include <algorithm>
#include <cmath>

namespace prophet::analytic {
namespace {

constexpr double ns_per_s = 1e9;
/// A multiply and an add.
constexpr double flops_per_param = 2;

std::uint64_t rounded(double value) {
  return static_cast<std::uint64_t>(std::llround(value));
}

}  // namespace

std::optional<StepTime> step_time(const AnalyticModel& model, const StepQuestion& question,
                                  const GpuProfile& gpu) {
  const auto each = expert_bytes_of(model, question.approach);
  const auto kv = sequence_kv_bytes(model, question.context_tokens);
  if (!each || !kv || !model.moe_layers || !model.non_expert_bytes) return std::nullopt;
  const double wanted =
      *model.moe_layers * question.wanted_experts / model.expert_gpus * static_cast<double>(*each);
  StepTime step;
  step.read_bytes = *model.non_expert_bytes - model.lookup_bytes + rounded(wanted) +
                    sequences_of_gpu(model, question.batch) * *kv;
  step.moved_bytes = rounded(wanted * (1 - question.hit_rate));
  const double flops = flops_per_param * model.active_params.value_or(0) *
                       static_cast<double>(question.batch) / model.expert_gpus;
  const double compute_s =
      std::max(static_cast<double>(step.read_bytes) / gpu.memory_bytes_per_s, flops / gpu.flops_per_s);
  const double link_s = static_cast<double>(step.moved_bytes) / gpu.link_bytes_per_s;
  step.compute_ns = rounded(compute_s * ns_per_s);
  step.link_ns = rounded(link_s * ns_per_s);
  step.peer_ns = question.peer_ns;
  step.overlapped_ns = std::max(step.compute_ns + step.peer_ns, step.link_ns);
  step.serial_ns = step.compute_ns + step.peer_ns + step.link_ns;
  return step;
}

}  // namespace prophet::analytic
