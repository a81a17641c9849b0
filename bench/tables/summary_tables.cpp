#include "bench/tables/summary_tables.hpp"

#include "bench/tables/grid_summary.hpp"

namespace prophet::tables {
namespace {

using analytic::AnalyticCell;

/// The configuration that the study's own summary is of.
constexpr const char* summary_gpu = "a100-80gb";
constexpr std::uint32_t summary_batch = 16;

std::vector<Column> cell_extension_columns(Catalogue catalogue) {
  std::vector<Column> columns = {count_column("baseline_context_tokens", "all resident, tokens"),
                                 count_column("prophet_context_tokens", "Prophet, tokens"),
                                 count_column("extra_context_tokens", "more, tokens"),
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
        "hold "
        "one; enabled: only Prophet does; neither: none does."};
  return {
      "By the rules that the study's printed numbers imply: experts in MB / 1024, spent as GB of 10^9 bytes.",
      "Where the baseline does not fit, the study computes 0; the outcome says whether Prophet fits there.",
      "Non-expert and activation sizes are printed nowhere; those of five models were fitted to printed "
      "extensions, and where none are known the tokens are not either."};
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

}  // namespace prophet::tables
