#include "bench/analytic/study/study_reading.hpp"

#include <algorithm>

#include "bench/analytic/expert_demand.hpp"

namespace prophet::analytic {
namespace {

/// K and V, of two bytes a value.
constexpr double kv_bytes_per_hidden = 2 * 2;

/// GB left of the GPU for KV.
struct Free {
  double baseline_gb = 0;
  double prophet_gb = 0;
};

std::optional<Free> free_memory(const StudyModel& model, const StudyReading& reading, double gpu_gb,
                                std::uint32_t batch) {
  if (!reading.expert_buffer_gb || !model.non_expert_gb.value || !model.activation_gb.value)
    return std::nullopt;
  const double fixed = *model.non_expert_gb.value + *model.activation_gb.value * batch;
  return Free{gpu_gb - *reading.expert_buffer_gb - fixed,
              gpu_gb - *reading.prophet_expert_gb - study_overhead_gb - fixed};
}

void add_extension(StudyReading& reading, const std::optional<Free>& free, double gpu_gb) {
  if (!reading.expert_buffer_gb) return;
  const bool too_large_by_experts = *reading.expert_buffer_gb >= gpu_gb;
  if (too_large_by_experts || (free && free->baseline_gb <= 0)) {
    reading.extension = 0;
  } else if (free) {
    reading.extension = std::max(0.0, free->prophet_gb) / free->baseline_gb;
  }
}

void add_tokens(StudyReading& reading, const std::optional<Free>& free, double savings) {
  if (!reading.kv_step_bytes) return;
  const auto tokens = [&](double gb) { return gb * study_bytes_per_gb / *reading.kv_step_bytes; };
  if (reading.expert_buffer_gb)
    reading.extra_tokens = tokens(*reading.expert_buffer_gb * savings - study_overhead_gb);
  if (!free) return;
  reading.baseline_tokens = std::max(0.0, tokens(free->baseline_gb));
  reading.prophet_tokens = std::max(0.0, tokens(free->prophet_gb));
}

}  // namespace

StudyReading as_study_computed(const StudyModel& model, double gpu_gb, std::uint32_t batch) {
  const double unique = unique_power_law(model.experts, model.top_k, batch);
  const double share = unique / model.experts;
  StudyReading reading;
  if (model.layers.value && model.expert_mb.value) {
    reading.expert_buffer_gb = *model.layers.value * model.experts * *model.expert_mb.value / study_mb_per_gb;
    reading.prophet_expert_gb = *reading.expert_buffer_gb * share;
  }
  if (model.layers.value && model.hidden_size.value)
    reading.kv_step_bytes = kv_bytes_per_hidden * *model.layers.value * *model.hidden_size.value * batch;
  const std::optional<Free> free = free_memory(model, reading, gpu_gb, batch);
  add_extension(reading, free, gpu_gb);
  add_tokens(reading, free, 1 - share);
  return reading;
}

}  // namespace prophet::analytic
