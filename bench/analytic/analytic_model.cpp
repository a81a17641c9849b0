#include "bench/analytic/analytic_model.hpp"

#include <algorithm>
#include <cmath>

#include "bench/analytic/headroom_arithmetic.hpp"
#include "bench/analytic/kv_arithmetic.hpp"
#include "bench/analytic/study/study_reading.hpp"
#include "predictor/mlp/plan_mlp.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet::analytic {
namespace {

constexpr std::uint64_t bf16_bytes = 2;
constexpr double megabyte = 1e6;
constexpr double gigabyte = 1e9;
constexpr double billion = 1e9;
/// The study sizes K and V as 2 * layers * hidden * 2 bytes a token, document 000.
constexpr double study_kv_bytes_per_hidden = 4;

/// workspace_bytes() is linear in its rows and in its sequences: two of each give both slopes.
ActivationCost activations_of(const ModelShape& shape) {
  HeadroomQuestion question;
  question.model = shape;
  ActivationCost cost;
  cost.chunk_tokens = question.step_tokens;
  const std::uint64_t one = workspace_bytes(question);
  question.batch = 2;
  cost.sequence_bytes = workspace_bytes(question) - one;
  cost.row_bytes = (one - cost.sequence_bytes) / cost.chunk_tokens;
  return cost;
}

std::vector<KvRun> kv_of(const ModelShape& shape) {
  std::vector<KvRun> runs;
  for (const KvLayers& run : shape.kv) {
    const std::uint64_t bytes = run.layers * layer_token_bytes(run, Dtype::bf16);
    if (bytes != 0) runs.push_back({bytes, run.kind == KvKind::sliding_window ? run.window_tokens : 0});
  }
  return runs;
}

double active_params_of(const ModelShape& shape) {
  const std::uint64_t routed = std::uint64_t{shape.grid.layers} * shape.top_k * expert_params(shape);
  return static_cast<double>(shape.non_expert_params - shape.lookup_params + routed);
}

std::optional<std::uint64_t> scaled(const StudyFigure& figure, double unit) {
  if (!figure.value) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(*figure.value * unit));
}

std::optional<double> in_units(const StudyFigure& figure, double unit) {
  if (!figure.value) return std::nullopt;
  return *figure.value * unit;
}

}  // namespace

AnalyticModel real_model(const ModelShape& shape) {
  AnalyticModel model;
  model.name = shape.name;
  model.label = shape.name;
  model.source = shape.source;
  model.experts = shape.grid.experts;
  model.top_k = shape.top_k;
  model.layers = shape.layers;
  model.moe_layers = shape.grid.layers;
  model.hidden_size = shape.hidden_size;
  model.expert_bytes = expert_bytes(shape, shape.expert_dtype);
  model.expert_int8_bytes = expert_bytes(shape, Dtype::int8);
  model.expert_int4_bytes = expert_bytes(shape, Dtype::int4);
  model.non_expert_bytes = non_expert_bytes(shape, shape.dtype);
  model.lookup_bytes = lookup_bytes(shape, shape.dtype);
  model.activations = activations_of(shape);
  model.kv = kv_of(shape);
  model.state_bytes = bf16_bytes * shape.recurrent_state_values;
  model.total_params = static_cast<double>(total_params(shape));
  model.active_params = active_params_of(shape);
  model.predictor_bytes = bf16_bytes * learned_parameters_max;
  model.stages = true;
  model.whole_experts = true;
  return model;
}

AnalyticModel published_model(const StudyModel& study) {
  AnalyticModel model;
  model.name = study.name;
  model.label = study.label;
  model.source = "the published study";
  model.experts = study.experts;
  model.top_k = study.top_k;
  if (study.layers.value) model.moe_layers = static_cast<std::uint32_t>(*study.layers.value);
  model.layers = model.moe_layers;
  if (study.hidden_size.value) model.hidden_size = static_cast<std::uint32_t>(*study.hidden_size.value);
  model.expert_bytes = scaled(study.expert_mb, megabyte);
  model.expert_int8_bytes = scaled(study.expert_mb, megabyte / 2);
  model.expert_int4_bytes = scaled(study.expert_mb, megabyte / 4);
  model.non_expert_bytes = scaled(study.non_expert_gb, gigabyte);
  if (const auto each = scaled(study.activation_gb, gigabyte))
    model.activations = ActivationCost{0, 0, *each};
  if (study.layers.value && study.hidden_size.value) {
    const double bytes = study_kv_bytes_per_hidden * *study.layers.value * *study.hidden_size.value;
    model.kv = {KvRun{static_cast<std::uint64_t>(bytes), 0}};
  }
  model.total_params = in_units(study.total_params_billions, billion);
  model.active_params = in_units(study.active_params_billions, billion);
  model.predictor_bytes = static_cast<std::uint64_t>(std::llround(study_overhead_gb * gigabyte));
  return model;
}

std::optional<std::uint64_t> expert_bytes_of(const AnalyticModel& model, Approach approach) {
  switch (approach) {
    case Approach::int8:
    case Approach::prophet_int8:
      return model.expert_int8_bytes;
    case Approach::int4:
      return model.expert_int4_bytes;
    default:
      return model.expert_bytes;
  }
}

std::optional<std::uint64_t> sequence_kv_bytes(const AnalyticModel& model, std::uint64_t tokens) {
  if (!model.kv) return std::nullopt;
  std::uint64_t bytes = model.state_bytes;
  for (const KvRun& run : *model.kv)
    bytes += run.token_bytes * (run.window_tokens == 0 ? tokens : std::min(tokens, run.window_tokens));
  return bytes;
}

std::uint64_t sequences_of_gpu(const AnalyticModel& model, std::uint64_t batch) {
  return (batch + model.expert_gpus - 1) / model.expert_gpus;
}

std::optional<std::uint64_t> activation_bytes(const AnalyticModel& model, std::uint64_t batch) {
  if (!model.activations) return std::nullopt;
  const ActivationCost& cost = *model.activations;
  return std::max(cost.chunk_tokens, cost.row_bytes == 0 ? 0 : batch) * cost.row_bytes +
         batch * cost.sequence_bytes;
}

}  // namespace prophet::analytic
