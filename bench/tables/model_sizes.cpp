#include "bench/tables/model_sizes.hpp"

#include "bench/analytic/study/study_catalogue.hpp"
#include "runtime/model/load_model.hpp"
#include "runtime/model/model_bytes.hpp"

namespace prophet::tables {
namespace {

using study_inputs::CountedModel;

constexpr double bf16_bytes = 2;
constexpr double million = 1e6;
constexpr double billion = 1e9;
constexpr double mb_per_gb = 1000;

ModelSizes study_sizes(const CountedModel& model) {
  ModelSizes sizes;
  sizes.label = model.label;
  sizes.total_params_billions = model.total_params_billions;
  sizes.layers = model.layers;
  sizes.hidden_size = model.hidden_size;
  sizes.experts = model.routed_experts;
  sizes.expert_width = model.expert_width;
  sizes.expert_params_millions = model.expert_params_millions;
  sizes.expert_mb = model.expert_mb;
  sizes.summary_expert_mb = model.summary_expert_mb;
  sizes.non_expert_params_billions = model.non_expert_params_billions;
  sizes.shared_gb = model.shared_experts * model.expert_mb * model.layers / mb_per_gb;
  sizes.kept_experts = model.kept_experts;
  sizes.top_k = analytic::find_study_model(model.name).top_k;
  return sizes;
}

ModelSizes real_sizes(const CountedModel& model) {
  const ModelShape shape = load_model(model.name);
  ModelSizes sizes;
  sizes.label = shape.name;
  sizes.total_params_billions = static_cast<double>(total_params(shape)) / billion;
  sizes.layers = shape.grid.layers;
  sizes.hidden_size = shape.hidden_size;
  sizes.experts = shape.grid.experts;
  sizes.expert_width = shape.expert_width;
  sizes.expert_params_millions = static_cast<double>(expert_params(shape)) / million;
  sizes.expert_mb = expert_mb(shape);
  sizes.summary_expert_mb = sizes.expert_mb;
  sizes.non_expert_params_billions = static_cast<double>(shape.non_expert_params) / billion;
  sizes.shared_gb = bf16_bytes * static_cast<double>(shape.shared_expert_params) / billion;
  sizes.kept_experts = model.kept_experts;
  sizes.top_k = shape.top_k;
  return sizes;
}

}  // namespace

ModelSizes model_sizes(const CountedModel& model, Catalogue catalogue) {
  return catalogue == Catalogue::study ? study_sizes(model) : real_sizes(model);
}

double expert_mb(const ModelShape& shape) {
  return bf16_bytes * static_cast<double>(expert_params(shape)) / million;
}

}  // namespace prophet::tables
