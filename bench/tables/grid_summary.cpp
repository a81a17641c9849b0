#include "bench/tables/grid_summary.hpp"

#include <algorithm>
#include <array>

#include "bench/analytic/study/configurations.hpp"

namespace prophet::tables {
namespace {

using namespace analytic;

std::vector<AnalyticCell> compute_grid(Catalogue catalogue) {
  std::vector<std::shared_ptr<const CatalogueModel>> models;
  for (const char* const name : study_models) models.push_back(catalogue_model(catalogue, name));
  std::vector<AnalyticGpu> gpus;
  for (const char* const name : study_gpus) gpus.push_back(catalogue_gpu(catalogue, name));
  return analytic_grid(models, gpus, {study_batches.begin(), study_batches.end()}, {});
}

constexpr double bytes_per_gb = 1e9;

/// Where the sum of non-expert and activations is unknown, experts and what is known may still decide.
std::string outcome_by_experts(const StudyModel& model, const StudyReading& reading, double gpu_gb) {
  if (!reading.expert_buffer_gb) return extension_outcome_name(ExtensionOutcome::unknown);
  const double other_gb = model.non_expert_gb.value.value_or(0);
  const bool baseline_may_fit = *reading.expert_buffer_gb + other_gb < gpu_gb;
  const bool prophet_may_fit = *reading.prophet_expert_gb + study_overhead_gb + other_gb < gpu_gb;
  if (baseline_may_fit) return extension_outcome_name(ExtensionOutcome::unknown);
  return prophet_may_fit ? "enabled or neither" : extension_outcome_name(ExtensionOutcome::neither);
}

std::string study_outcome(const AnalyticCell& cell) {
  const StudyReading& reading = *cell.study;
  if (!reading.baseline_tokens || !reading.prophet_tokens) {
    return outcome_by_experts(*cell.model->study, reading,
                              static_cast<double>(cell.memory_bytes) / bytes_per_gb);
  }
  const bool baseline = *reading.baseline_tokens > 0;
  const bool prophet = *reading.prophet_tokens > 0;
  if (baseline)
    return extension_outcome_name(prophet ? ExtensionOutcome::ratio : ExtensionOutcome::resident_only);
  return extension_outcome_name(prophet ? ExtensionOutcome::enabled : ExtensionOutcome::neither);
}

CellExtension study_extension(const AnalyticCell& cell) {
  CellExtension result;
  result.baseline_tokens = cell.study->baseline_tokens;
  result.prophet_tokens = cell.study->prophet_tokens;
  result.extra_tokens = cell.study->extra_tokens;
  result.outcome = study_outcome(cell);
  result.study_printed = cell.study->extension;
  if (result.outcome == extension_outcome_name(ExtensionOutcome::ratio)) result.ratio = cell.study->extension;
  return result;
}

std::optional<double> as_number(std::optional<std::uint64_t> tokens) {
  if (!tokens) return std::nullopt;
  return static_cast<double>(*tokens);
}

}  // namespace

const std::vector<AnalyticCell>& whole_grid(Catalogue catalogue) {
  if (catalogue == Catalogue::study) {
    static const std::vector<AnalyticCell> study = compute_grid(Catalogue::study);
    return study;
  }
  static const std::vector<AnalyticCell> real = compute_grid(Catalogue::real);
  return real;
}

std::vector<const AnalyticCell*> cells_where(Catalogue catalogue, const Keep& keep) {
  std::vector<const AnalyticCell*> cells;
  for (const AnalyticCell& cell : whole_grid(catalogue)) {
    if (keep(cell)) cells.push_back(&cell);
  }
  return cells;
}

CellExtension cell_extension(const AnalyticCell& cell) {
  if (cell.study) return study_extension(cell);
  CellExtension result;
  result.baseline_tokens = as_number(cell.of(Approach::all_resident).context_tokens_max);
  result.prophet_tokens = as_number(cell.of(Approach::prophet).context_tokens_max);
  if (result.baseline_tokens && result.prophet_tokens)
    result.extra_tokens = *result.prophet_tokens - *result.baseline_tokens;
  result.outcome = extension_outcome_name(cell.extension.outcome);
  result.ratio = cell.extension.ratio;
  return result;
}

void Spread::add(std::optional<double> value) {
  if (!value) return;
  low_ = std::min(low_.value_or(*value), *value);
  high_ = std::max(high_.value_or(*value), *value);
  sum_ += *value;
  ++count_;
}

std::optional<double> Spread::mean() const {
  if (count_ == 0) return std::nullopt;
  return sum_ / count_;
}

GridSummary summarise(const std::vector<const AnalyticCell*>& cells) {
  GridSummary summary;
  for (const AnalyticCell* const cell : cells) {
    const CellExtension extension = cell_extension(*cell);
    summary.savings.add(cell->demand.by_power_law.savings);
    summary.sparsity.add(cell->demand.by_power_law.sparsity);
    summary.extension.add(extension.ratio);
    summary.study_printed.add(extension.study_printed);
    ++summary.cells;
    if (extension.outcome == extension_outcome_name(ExtensionOutcome::ratio)) {
      ++summary.ratio;
    } else if (extension.outcome == extension_outcome_name(ExtensionOutcome::enabled)) {
      ++summary.enabled;
    } else if (extension.outcome == extension_outcome_name(ExtensionOutcome::neither)) {
      ++summary.neither;
    } else {
      ++summary.undecided;
    }
  }
  return summary;
}

std::vector<Column> extension_range_columns(Catalogue catalogue) {
  std::vector<Column> columns = {number_column("extension_low", "extension, least"),
                                 number_column("extension_high", "extension, most")};
  if (catalogue == Catalogue::study) {
    columns.push_back(number_column("study_extension_low", "with the study's zeros, least"));
    columns.push_back(number_column("study_extension_high", "with the study's zeros, most"));
  }
  return columns;
}

void add_extension_range(std::vector<Cell>& row, const GridSummary& summary, Catalogue catalogue) {
  row.push_back(number(summary.extension.low()));
  row.push_back(number(summary.extension.high()));
  if (catalogue == Catalogue::real) return;
  row.push_back(number(summary.study_printed.low()));
  row.push_back(number(summary.study_printed.high()));
}

std::vector<Column> outcome_columns() {
  return {count_column("ratio_cells", "both fit, cells"), count_column("enabled_cells", "enabled, cells"),
          count_column("neither_cells", "neither, cells"),
          count_column("undecided_cells", "undecided, cells")};
}

void add_outcomes(std::vector<Cell>& row, const GridSummary& summary) {
  for (const int count : {summary.ratio, summary.enabled, summary.neither, summary.undecided})
    row.push_back(static_cast<double>(count));
}

}  // namespace prophet::tables
