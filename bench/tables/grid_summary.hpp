#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/analytic/analytic_cell.hpp"
#include "bench/tables/table.hpp"

/// The study's 16 models x 4 GPUs x 6 batches, which most tables are drawn from, and what becomes of many of
/// its cells together.
namespace prophet::tables {

/// All cells of a catalogue in the order model, GPU, batch. Computed once.
[[nodiscard]] const std::vector<analytic::AnalyticCell>& whole_grid(Catalogue catalogue);

using Keep = std::function<bool(const analytic::AnalyticCell&)>;
[[nodiscard]] std::vector<const analytic::AnalyticCell*> cells_where(Catalogue catalogue, const Keep& keep);

/// What fewer resident experts did to the longest context of a cell. In the study's catalogue by the study's
/// own recovered rules, study_reading.hpp, with the outcome that these rules leave out.
struct CellExtension {
  std::optional<double> baseline_tokens;
  std::optional<double> prophet_tokens;
  std::optional<double> extra_tokens;
  /// "ratio", "enabled", "neither", "resident only" or "unknown"; also "enabled or neither" where the
  /// experts alone rule out the baseline and what the study leaves unsaid decides about the other.
  std::string outcome;
  std::optional<double> ratio;          ///< only of "ratio"
  std::optional<double> study_printed;  ///< only in the study's catalogue: 0 where the baseline does not fit
};
[[nodiscard]] CellExtension cell_extension(const analytic::AnalyticCell& cell);

/// The smallest, the largest and the mean of some numbers; none of none.
class Spread {
 public:
  void add(std::optional<double> value);
  [[nodiscard]] std::optional<double> low() const { return low_; }
  [[nodiscard]] std::optional<double> high() const { return high_; }
  [[nodiscard]] std::optional<double> mean() const;
  [[nodiscard]] double sum() const { return sum_; }

 private:
  std::optional<double> low_;
  std::optional<double> high_;
  double sum_ = 0;
  int count_ = 0;
};

struct GridSummary {
  Spread savings;    ///< by the power law
  Spread sparsity;   ///< by the power law: what the study calls deduplication
  Spread extension;  ///< over cells where both fit
  Spread study_printed;
  int cells = 0;
  int ratio = 0;
  int enabled = 0;
  int neither = 0;
  int undecided = 0;  ///< all other outcomes
};
[[nodiscard]] GridSummary summarise(const std::vector<const analytic::AnalyticCell*>& cells);

/// Columns and cells of a summary's extension: the mean, or the smallest and the largest, over the cells
/// where both fit, and how many cells have which outcome. The study's catalogue also has what the study
/// prints, where zeros stand for cells whose baseline does not fit.
[[nodiscard]] std::vector<Column> extension_range_columns(Catalogue catalogue);
void add_extension_range(std::vector<Cell>& row, const GridSummary& summary, Catalogue catalogue);
[[nodiscard]] std::vector<Column> outcome_columns();
void add_outcomes(std::vector<Cell>& row, const GridSummary& summary);

}  // namespace prophet::tables
