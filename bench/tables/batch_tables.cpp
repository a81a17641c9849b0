#include "bench/tables/batch_tables.hpp"

#include <algorithm>
#include <cmath>

#include "bench/analytic/study/configurations.hpp"
#include "bench/tables/grid_summary.hpp"

namespace prophet::tables {
namespace {

using analytic::AnalyticCell;
using analytic::AnalyticModel;

constexpr const char* any_gpu = "a100-80gb";

/// The study's groups of expert counts, document 004.
std::string expert_class(std::uint32_t experts) {
  if (experts <= 8) return "8";
  if (experts <= 16) return "16";
  if (experts <= 64) return "60-64";
  return experts <= 128 ? "128" : "160-256";
}

/// The first batch of the study's grid in which every expert is wanted; none where none is.
std::optional<std::uint32_t> first_saturated(double saturation_batch) {
  const auto* const found = std::find_if(study_batches.begin(), study_batches.end(),
                                         [&](std::uint32_t batch) { return batch >= saturation_batch; });
  if (found == study_batches.end()) return std::nullopt;
  return *found;
}

/// Batches from which uniform routing wants this share of the experts.
constexpr double nearly_all = 0.99;
double uniform_batch(const AnalyticModel& model) {
  const double missed = 1 - static_cast<double>(model.top_k) / model.experts;
  return std::log(1 - nearly_all) / std::log(missed);
}

}  // namespace

Table make_saturation(Catalogue catalogue) {
  Table table;
  table.notes = {
      "By the study's law a step wants min(E, k * B^0.932) experts, all of them from batch (E/k)^(1/0.932) "
      "on.",
      "Uniform routing never wants all for certain: the last column says from which batch on it wants 99 % "
      "of "
      "them in the mean."};
  table.columns = {text_column("expert_class", "experts, group"),
                   text_column("model", "model"),
                   count_column("experts", "experts"),
                   count_column("top_k", "top-k"),
                   number_column("saturation_batch", "saturated from batch", 2),
                   count_column("first_tested_batch", "first of the study's batches"),
                   number_column("uniform_99_batch", "99 % wanted, uniform, from batch", 2)};
  for (const AnalyticCell* const cell : cells_where(catalogue, [](const AnalyticCell& each) {
         return each.gpu == any_gpu && each.batch == study_batches.front();
       })) {
    const AnalyticModel& model = cell->model->model;
    table.rows.push_back({expert_class(model.experts), model.label, static_cast<double>(model.experts),
                          static_cast<double>(model.top_k), cell->demand.saturation_batch,
                          number(first_saturated(cell->demand.saturation_batch)), uniform_batch(model)});
  }
  return table;
}

}  // namespace prophet::tables
