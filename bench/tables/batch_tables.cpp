#include "bench/tables/batch_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "bench/analytic/study/configurations.hpp"
#include "bench/tables/grid_summary.hpp"

namespace prophet::tables {
namespace {

using analytic::AnalyticCell;
using analytic::AnalyticModel;

/// Where nothing depends on the GPU.
constexpr const char* any_gpu = "a100-80gb";
constexpr std::uint32_t compared_batch = 16;

/// The study's groups of expert counts, document 004: all that have more than the group before.
struct ExpertClass {
  const char* name;
  std::uint32_t experts_max;
};
constexpr std::array expert_classes = {ExpertClass{"8", 8}, ExpertClass{"16", 16}, ExpertClass{"60-64", 64},
                                       ExpertClass{"128", 128}, ExpertClass{"160-256", 256}};

const char* expert_class(std::uint32_t experts) {
  return std::find_if(expert_classes.begin(), expert_classes.end(),
                      [&](const ExpertClass& each) { return experts <= each.experts_max; })
      ->name;
}

/// The study's classes of workload, document 004, by the batches of its grid.
struct WorkloadClass {
  const char* name;
  std::uint32_t batch_low;
  std::uint32_t batch_high;
};
constexpr std::array workload_classes = {WorkloadClass{"latency-critical", 1, 4},
                                         WorkloadClass{"standard API", 8, 16},
                                         WorkloadClass{"batch processing", 32, 64}};

/// The first batch of the study's grid in which every expert is wanted; none where none is.
std::optional<std::uint32_t> first_saturated(double saturation_batch) {
  const auto* const found = std::find_if(study_batches.begin(), study_batches.end(),
                                         [&](std::uint32_t batch) { return batch >= saturation_batch; });
  if (found == study_batches.end()) return std::nullopt;
  return *found;
}

/// The batch from which on uniform routing wants this share of the experts in the mean.
constexpr double nearly_all = 0.99;
double uniform_batch(const AnalyticModel& model) {
  const double missed = 1 - static_cast<double>(model.top_k) / model.experts;
  return std::log(1 - nearly_all) / std::log(missed);
}

void append(std::vector<Column>& columns, const std::vector<Column>& more) {
  columns.insert(columns.end(), more.begin(), more.end());
}

std::vector<Column> savings_columns() {
  return {percent_column("savings_low_percent", "experts saved, least"),
          percent_column("savings_high_percent", "experts saved, most")};
}

void add_savings(std::vector<Cell>& row, const GridSummary& summary) {
  row.push_back(percent(summary.savings.low()));
  row.push_back(percent(summary.savings.high()));
}

std::string extension_note(Catalogue catalogue) {
  std::string text =
      "Extensions are those of cells where both sides hold a token; the other cells are counted beside them.";
  if (catalogue == Catalogue::study) {
    text +=
        " The study counts a cell whose baseline does not fit as 0, and so do the two columns that say so. "
        "Undecided are cells of which a size that the study does not give decides.";
  }
  return text;
}

/// One group of models in one batch: what the law saves, and what uniform routing would.
void add_group_savings(std::vector<Cell>& row, Catalogue catalogue, const ExpertClass& group,
                       std::uint32_t batch) {
  Spread law;
  Spread uniform;
  for (const AnalyticCell* const cell : cells_where(catalogue, [&](const AnalyticCell& each) {
         return each.gpu == any_gpu && each.batch == batch &&
                expert_class(each.model->model.experts) == std::string_view(group.name);
       })) {
    law.add(cell->demand.by_power_law.savings);
    uniform.add(cell->demand.by_uniform.savings);
  }
  row.insert(row.end(), {percent(law.low()), percent(law.high())});
  if (batch == compared_batch) row.insert(row.end(), {percent(uniform.low()), percent(uniform.high())});
}

}  // namespace

Table make_batch_impact(Catalogue catalogue) {
  Table table;
  table.notes = {
      "Over all 16 models and 4 GPUs. Experts by the study's power law; E/U is what the study calls "
      "deduplication, though at batch 1 nothing is shared.",
      extension_note(catalogue)};
  table.columns = {count_column("batch", "batch")};
  append(table.columns, savings_columns());
  append(table.columns,
         {number_column("sparsity_low", "E/U, least", 2), number_column("sparsity_high", "E/U, most", 2)});
  append(table.columns, extension_range_columns(catalogue));
  append(table.columns, outcome_columns());
  for (const std::uint32_t batch : study_batches) {
    const GridSummary summary =
        summarise(cells_where(catalogue, [&](const AnalyticCell& cell) { return cell.batch == batch; }));
    std::vector<Cell> row = {static_cast<double>(batch)};
    add_savings(row, summary);
    row.insert(row.end(), {number(summary.sparsity.low()), number(summary.sparsity.high())});
    add_extension_range(row, summary, catalogue);
    add_outcomes(row, summary);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table make_saturation(Catalogue catalogue) {
  Table table;
  table.notes = {
      "By the study's law a step wants min(E, k * B^0.932) experts, all of them from batch (E/k)^(1/0.932) "
      "on.",
      "Uniform routing never wants all for certain: the last column says from which batch on it wants 99 % "
      "of them in the mean."};
  table.columns = {text_column("expert_class", "experts, group"),
                   text_column("model", "model"),
                   count_column("experts", "experts"),
                   count_column("top_k", "top-k"),
                   number_column("saturation_batch", "saturated from batch", 2),
                   count_column("first_grid_batch", "first of the study's batches"),
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

Table make_workload_classes(Catalogue catalogue) {
  Table table;
  table.notes = {
      "Shares of requests are not measurable here: they are of other people's traffic, and the study names "
      "no source for its 80 to 98 %.",
      "Over all 16 models, 4 GPUs and the batches of the class that the study computed.",
      extension_note(catalogue)};
  table.columns = {text_column("workload", "workload"), text_column("batches", "batches"),
                   percent_column("share_percent", "share of requests")};
  append(table.columns, savings_columns());
  append(table.columns, extension_range_columns(catalogue));
  append(table.columns, outcome_columns());
  for (const WorkloadClass& workload : workload_classes) {
    const GridSummary summary = summarise(cells_where(catalogue, [&](const AnalyticCell& cell) {
      return workload.batch_low <= cell.batch && cell.batch <= workload.batch_high;
    }));
    std::vector<Cell> row = {workload.name, fmt::format("{}-{}", workload.batch_low, workload.batch_high),
                             Cell()};
    add_savings(row, summary);
    add_extension_range(row, summary, catalogue);
    add_outcomes(row, summary);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table make_compatibility(Catalogue catalogue) {
  Table table;
  table.notes = {
      "The smallest and the largest share of experts that a step does not want, over the group's models, by "
      "the study's power law; in batch 16 also with uniform routing, exactly."};
  table.columns = {text_column("expert_class", "experts, group"), count_column("models", "models")};
  constexpr std::array<std::uint32_t, 3> batches = {1, compared_batch, 64};
  for (const std::uint32_t batch : batches) {
    table.columns.push_back(
        percent_column(fmt::format("savings_b{}_low_percent", batch), fmt::format("batch {}, least", batch)));
    table.columns.push_back(
        percent_column(fmt::format("savings_b{}_high_percent", batch), fmt::format("batch {}, most", batch)));
    if (batch != compared_batch) continue;
    table.columns.push_back(percent_column(fmt::format("uniform_b{}_low_percent", batch),
                                           fmt::format("uniform, batch {}, least", batch)));
    table.columns.push_back(percent_column(fmt::format("uniform_b{}_high_percent", batch),
                                           fmt::format("uniform, batch {}, most", batch)));
  }
  for (const ExpertClass& group : expert_classes) {
    const auto models = cells_where(catalogue, [&](const AnalyticCell& cell) {
      return cell.gpu == any_gpu && cell.batch == compared_batch &&
             expert_class(cell.model->model.experts) == std::string_view(group.name);
    });
    std::vector<Cell> row = {group.name, static_cast<double>(models.size())};
    for (const std::uint32_t batch : batches) add_group_savings(row, catalogue, group, batch);
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace prophet::tables
