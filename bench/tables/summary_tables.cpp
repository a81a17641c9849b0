#include "bench/tables/summary_tables.hpp"

#include <set>

#include "bench/analytic/study/configurations.hpp"
#include "bench/tables/grid_summary.hpp"
#include "runtime/model/load_model.hpp"

namespace prophet::tables {
namespace {

using analytic::AnalyticCell;

/// The configuration that the study's own summary is of.
constexpr const char* summary_gpu = "a100-80gb";
constexpr std::uint32_t summary_batch = 16;
constexpr double cells_of_model = study_gpus.size() * study_batches.size();

std::vector<Column> cell_extension_columns(Catalogue catalogue) {
  std::vector<Column> columns = {
      count_column("baseline_context_tokens", "all resident, tokens"),
      count_column("prophet_context_tokens", "Prophet, tokens"),
      count_column("extra_context_tokens",
                   catalogue == Catalogue::study ? "memory freed, in tokens" : "more, tokens"),
      text_column("outcome", "outcome"), number_column("extension", "extension")};
  if (catalogue == Catalogue::study)
    columns.push_back(number_column("study_extension", "extension as the study computes it"));
  return columns;
}

void add_cell_extension(std::vector<Cell>& row, const AnalyticCell& cell, Catalogue catalogue) {
  const CellExtension extension = cell_extension(cell);
  row.insert(row.end(), {number(extension.baseline_tokens), number(extension.prophet_tokens),
                         number(extension.extra_tokens), extension.outcome, number(extension.ratio)});
  if (catalogue == Catalogue::study) row.push_back(number(extension.study_printed));
}

void append(std::vector<Column>& columns, const std::vector<Column>& more) {
  columns.insert(columns.end(), more.begin(), more.end());
}

std::vector<std::string> extension_notes(Catalogue catalogue) {
  if (catalogue == Catalogue::real)
    return {
        "Tokens are those of each of the batch's sequences. An extension is a ratio only where both sides "
        "hold one; enabled: only Prophet does; neither: none does."};
  return {
      "By the rules that the study's printed numbers imply: experts in MB / 1024, spent as GB of 10^9 bytes.",
      "Where the baseline does not fit, the study computes 0; the outcome says whether Prophet fits there.",
      "Non-expert and activation sizes are printed nowhere; those of five models were fitted to printed "
      "extensions, Switch-Large's is a guess, and where none are known the tokens are not either.",
      "Enabled or neither: the experts alone rule the baseline out, and what the study leaves unsaid decides "
      "about Prophet. Where cells are counted these and unknown ones are the undecided."};
}

/// What the model was made for; unknown where the study does not say.
Cell model_context(const analytic::CatalogueModel& model) {
  if (model.study) return number(model.study->context_tokens.value);
  return static_cast<double>(load_model(model.model.name).context_tokens);
}

std::set<std::uint32_t> expert_counts(Catalogue catalogue) {
  std::set<std::uint32_t> counts;
  for (const AnalyticCell& cell : whole_grid(catalogue)) counts.insert(cell.model->model.experts);
  return counts;
}

}  // namespace

Table make_kv_extension(Catalogue catalogue) {
  Table table;
  table.notes = extension_notes(catalogue);
  table.columns = {text_column("model", "model"), count_column("experts", "experts"),
                   count_column("top_k", "top-k"),
                   number_column("unique_experts", "distinct experts of a step"),
                   percent_column("savings_percent", "experts saved")};
  append(table.columns, cell_extension_columns(catalogue));
  for (const AnalyticCell* const cell : cells_where(catalogue, [](const AnalyticCell& each) {
         return each.gpu == summary_gpu && each.batch == summary_batch;
       })) {
    const analytic::AnalyticModel& model = cell->model->model;
    std::vector<Cell> row = {model.label, static_cast<double>(model.experts),
                             static_cast<double>(model.top_k), cell->demand.unique_power_law,
                             percent(cell->demand.by_power_law.savings)};
    add_cell_extension(row, *cell, catalogue);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table make_average_extension(Catalogue catalogue) {
  Table table;
  table.notes = extension_notes(catalogue);
  table.notes.emplace_back(
      "Over 4 GPUs x 6 batches. The mean is of cells where both fit: no number for one stands for cells "
      "where only Prophet does.");
  table.columns = {text_column("model", "model")};
  if (catalogue == Catalogue::study)
    table.columns.push_back(number_column("study_extension_mean", "mean as the study computes it"));
  append(table.columns,
         {number_column("extension_mean", "mean extension"), number_column("extension_high", "largest")});
  append(table.columns, outcome_columns());
  for (const char* const name : study_models) {
    const auto cells =
        cells_where(catalogue, [&](const AnalyticCell& cell) { return cell.model->model.name == name; });
    const GridSummary summary = summarise(cells);
    std::vector<Cell> row = {cells.front()->model->model.label};
    if (catalogue == Catalogue::study) row.push_back(number(summary.study_printed.mean()));
    row.insert(row.end(), {number(summary.extension.mean()), number(summary.extension.high())});
    add_outcomes(row, summary);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table make_by_expert_count(Catalogue catalogue) {
  Table table;
  table.notes = {
      "Means over a group's models, 4 GPUs and 6 batches; experts by the study's power law. E/U is what the "
      "study calls deduplication."};
  if (catalogue == Catalogue::study) {
    table.notes.emplace_back(
        "In the study's mean of extensions a cell whose baseline does not fit counts as 0, and so do "
        "Mixtral-8x22B and Jamba, of which it prints 0.00 and no expert size.");
  }
  table.columns = {count_column("experts", "experts"), count_column("models", "models"),
                   percent_column("savings_mean_percent", "experts saved"),
                   number_column("sparsity_mean", "E/U", 2)};
  if (catalogue == Catalogue::study)
    table.columns.push_back(number_column("study_extension_mean", "mean as the study computes it"));
  table.columns.push_back(number_column("extension_mean", "mean extension"));
  append(table.columns, outcome_columns());
  for (const std::uint32_t experts : expert_counts(catalogue)) {
    const GridSummary summary = summarise(cells_where(
        catalogue, [&](const AnalyticCell& cell) { return cell.model->model.experts == experts; }));
    std::vector<Cell> row = {static_cast<double>(experts),
                             static_cast<double>(summary.cells) / cells_of_model,
                             percent(summary.savings.mean()), number(summary.sparsity.mean())};
    if (catalogue == Catalogue::study) row.push_back(summary.study_printed.sum() / summary.cells);
    row.push_back(number(summary.extension.mean()));
    add_outcomes(row, summary);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table make_max_context(Catalogue catalogue) {
  Table table;
  table.notes = extension_notes(catalogue);
  table.notes.emplace_back(
      "Batch 16. What memory holds is not what a model was made for: that stands beside it.");
  table.columns = {text_column("model", "model"), text_column("gpu", "GPU"),
                   count_column("model_context_tokens", "the model's own, tokens")};
  append(table.columns, cell_extension_columns(catalogue));
  for (const AnalyticCell* const cell :
       cells_where(catalogue, [](const AnalyticCell& each) { return each.batch == summary_batch; })) {
    std::vector<Cell> row = {cell->model->model.label, cell->gpu, model_context(*cell->model)};
    add_cell_extension(row, *cell, catalogue);
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace prophet::tables
