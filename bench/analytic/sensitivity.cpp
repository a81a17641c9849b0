#include "bench/analytic/sensitivity.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace prophet::analytic {
namespace {

/// Everything that a point is computed from; each point moves one member of it.
struct Inputs {
  AnalyticModel model;
  AnalyticGpu gpu;
  CellOptions options;
};

std::uint64_t scaled(std::uint64_t bytes, double factor) {
  return static_cast<std::uint64_t>(std::llround(static_cast<double>(bytes) * factor));
}

void set_input(Inputs& inputs, std::string_view name, double value) {
  if (name == "hit_rate") inputs.options.hit_rate = value;
  if (name == "dedup_exponent") inputs.model.dedup_exponent = value;
  if (name == "link_factor") inputs.gpu.profile.link_bytes_per_s *= value;
  if (name != "activation_factor" || !inputs.model.activations) return;
  ActivationCost& cost = *inputs.model.activations;
  cost.row_bytes = scaled(cost.row_bytes, value);
  cost.sequence_bytes = scaled(cost.sequence_bytes, value);
}

SensitivityPoint point_at(Inputs inputs, std::string_view name, double value, std::uint32_t batch) {
  set_input(inputs, name, value);
  const ExpertDemand demand = expert_demand(inputs.model, batch, inputs.options.zipf);
  SensitivityPoint point;
  point.value = value;
  point.context_tokens_max =
      context_tokens_max(inputs.model, Approach::prophet, batch, inputs.gpu.memory_bytes);
  const StepQuestion question{
      Approach::prophet, batch, inputs.options.context_tokens, demand.unique_popular,
      cache_hit_rate(inputs.options, demand.cached_experts, inputs.model.experts, demand.che_hit_rate)};
  if (const auto step = step_time(inputs.model, question, inputs.gpu.profile))
    point.overlapped_ns = step->overlapped_ns;
  return point;
}

using ResultOf = std::optional<std::uint64_t> SensitivityPoint::*;

std::optional<double> swing(const std::array<SensitivityPoint, 3>& points, ResultOf result) {
  double least = HUGE_VAL;
  double most = 0;
  for (const SensitivityPoint& point : points) {
    if ((point.*result).value_or(0) == 0) return std::nullopt;
    least = std::min(least, static_cast<double>(*(point.*result)));
    most = std::max(most, static_cast<double>(*(point.*result)));
  }
  return most / least;
}

}  // namespace

std::vector<SensitivityAnswer> sensitivity(const AnalyticModel& model, const AnalyticGpu& gpu,
                                           std::uint32_t batch, const CellOptions& options) {
  std::vector<SensitivityAnswer> answers;
  for (const SensitivityInput& input : sensitivity_inputs) {
    SensitivityAnswer answer;
    answer.input = input.name;
    for (std::size_t i = 0; i < input.values.size(); ++i)
      answer.points[i] = point_at({model, gpu, options}, input.name, input.values[i], batch);
    answer.context_swing = swing(answer.points, &SensitivityPoint::context_tokens_max);
    answer.step_swing = swing(answer.points, &SensitivityPoint::overlapped_ns);
    answers.push_back(answer);
  }
  return answers;
}

}  // namespace prophet::analytic
