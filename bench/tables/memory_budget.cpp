#include "bench/tables/memory_budget.hpp"

#include <algorithm>
#include <cmath>

#include "bench/analytic/memory_parts.hpp"
#include "bench/analytic/study/study_reading.hpp"
#include "bench/tables/study_inputs.hpp"

namespace prophet::tables {
namespace {

using namespace analytic;

constexpr double bytes_per_gb = 1e9;

double known(std::optional<std::uint64_t> bytes) {
  return static_cast<double>(bytes.value_or(0));
}

}  // namespace

double MemoryBudget::available_bytes() const {
  return std::max(0.0, memory_bytes - fixed_bytes());
}

std::uint64_t MemoryBudget::context_tokens() const {
  return static_cast<std::uint64_t>(std::floor(available_bytes() / kv_step_bytes));
}

MemoryBudget study_switch_xxl_budget(double memory_gb, double kept_experts, bool forecasts) {
  using namespace study_inputs::switch_xxl;
  MemoryBudget budget;
  budget.memory_bytes = bytes_per_gb * memory_gb;
  budget.other_bytes = bytes_per_gb * (non_expert_gb + activation_gb);
  budget.experts_bytes = bytes_per_gb * experts_gb * kept_experts / experts;
  budget.own_bytes = forecasts ? bytes_per_gb * study_overhead_gb : 0;
  budget.kv_step_bytes = bytes_per_gb * study_inputs::kv_gb(layers, hidden_size, study_inputs::batch, 1);
  return budget;
}

MemoryBudget study_switch_large_budget(double memory_gb, double kept_share, double batch) {
  using namespace study_inputs::switch_large;
  MemoryBudget budget;
  budget.memory_bytes = bytes_per_gb * memory_gb;
  budget.other_bytes = bytes_per_gb * other_gb;
  budget.experts_bytes = bytes_per_gb * experts_gb * kept_share;
  budget.kv_step_bytes = bytes_per_gb * study_inputs::kv_gb(layers, hidden_size, batch, 1);
  return budget;
}

MemoryBudget real_budget(const AnalyticModel& model, Approach approach, std::uint32_t batch,
                         std::uint64_t memory_bytes) {
  const MemoryParts parts = memory_parts(model, approach, batch, 0);
  MemoryBudget budget;
  budget.memory_bytes = static_cast<double>(memory_bytes);
  budget.other_bytes = known(parts.non_expert) + known(parts.activations);
  budget.experts_bytes = known(parts.experts);
  budget.own_bytes = known(parts.own);
  budget.kv_step_bytes = batch * static_cast<double>(sequence_kv_bytes(model, 1).value_or(0));
  return budget;
}

MemoryBudget real_budget_of_kept(const AnalyticModel& model, std::uint32_t kept_experts, bool forecasts,
                                 std::uint32_t batch, std::uint64_t memory_bytes) {
  AnalyticModel kept = model;
  kept.experts = kept_experts;
  MemoryBudget budget = real_budget(kept, Approach::all_resident, batch, memory_bytes);
  if (kept_experts == model.experts) return budget;
  budget.own_bytes = known(model.top_k * *model.expert_bytes + (forecasts ? model.predictor_bytes : 0));
  return budget;
}

std::vector<Cell> extension_cells(const MemoryBudget& baseline, const MemoryBudget& prophet) {
  const ContextExtension extension = context_extension(baseline.context_tokens(), prophet.context_tokens());
  return {extension_outcome_name(extension.outcome), number(extension.ratio)};
}

}  // namespace prophet::tables
