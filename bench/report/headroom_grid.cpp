#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/report/headroom_rows.hpp"

namespace prophet {
namespace {

void add_outcome(GridSummary& summary, const Extension& extension) {
  switch (extension.outcome) {
    case HeadroomOutcome::ratio:
      ++summary.ratio;
      summary.ratio_mean += extension.ratio;
      summary.ratio_max = std::max(summary.ratio_max, extension.ratio);
      return;
    case HeadroomOutcome::enabled:
      ++summary.enabled;
      return;
    case HeadroomOutcome::neither:
      ++summary.neither;
      return;
    case HeadroomOutcome::resident_only:
      ++summary.resident_only;
      return;
  }
}

void add_side(GridSummary& summary, const HeadroomCell& cell, std::vector<double>& closed_form_errors) {
  const HeadroomTerms& terms = cell.measured;
  summary.error_max = std::max(summary.error_max, error_of(cell.analytic.tokens, terms.tokens));
  summary.page_allocations += terms.used_pages;
  if (terms.fits()) closed_form_errors.push_back(error_of(cell.closed_form_tokens, terms.tokens));
  if (terms.lent_slabs == 0 || terms.lent_waste_fraction() <= summary.waste_max) return;
  summary.waste_max = terms.lent_waste_fraction();
  summary.waste_model = cell.question.model.name;
}

std::string outcome_text(const Extension& extension) {
  if (extension.outcome != HeadroomOutcome::ratio) return outcome_name(extension.outcome);
  return fmt::format("{:.3f}", extension.ratio);
}

std::string summary_text(const GridSummary& s) {
  std::string text = fmt::format("{} cells: {} ratio (mean {:.3f}, largest {:.3f}), {} enabled, {} neither",
                                 s.cells, s.ratio, s.ratio_mean, s.ratio_max, s.enabled, s.neither);
  if (s.resident_only != 0) text += fmt::format(", {} resident only", s.resident_only);
  text += fmt::format(
      "\n{} pages were allocated; the analytic count differs from the measured one by at most "
      "{:.4f} %\n",
      s.page_allocations, 100 * s.error_max);
  text += fmt::format(
      "the closed form (memory - weights - experts) / bytes of a token differs by {:.2f} % at "
      "the median and {:.1f} % at most, where anything fits\n",
      100 * s.closed_form_error_median, 100 * s.closed_form_error_max);
  text += fmt::format("lent slabs waste at most {:.3f} % of their bytes{}\n", 100 * s.waste_max,
                      s.waste_model.empty() ? "" : fmt::format(" ({})", s.waste_model));
  return text;
}

}  // namespace

GridSummary summarise(const std::vector<StudyCell>& cells, std::uint64_t context_tokens) {
  GridSummary summary;
  std::vector<double> closed_form_errors;
  for (const StudyCell& cell : cells) {
    ++summary.cells;
    add_outcome(summary, extension_of(cell.all_resident, cell.cached, context_tokens));
    add_side(summary, cell.all_resident, closed_form_errors);
    add_side(summary, cell.cached, closed_form_errors);
  }
  if (summary.ratio != 0) summary.ratio_mean /= summary.ratio;
  if (closed_form_errors.empty()) return summary;
  std::sort(closed_form_errors.begin(), closed_form_errors.end());
  summary.closed_form_error_median = closed_form_errors[closed_form_errors.size() / 2];
  summary.closed_form_error_max = closed_form_errors.back();
  return summary;
}

std::string grid_table(const std::vector<StudyCell>& cells, std::uint64_t context_tokens) {
  std::string text = fmt::format("{:<18} {:<10}", "model", "GPU");
  for (const std::uint32_t batch : study_batches)
    text += fmt::format(" {:>13}", fmt::format("batch {}", batch));
  text += "\n";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const StudyCell& cell = cells[i];
    const bool first = i % study_batches.size() == 0;
    if (first) text += fmt::format("{:<18} {:<10}", cell.cached.question.model.name, cell.gpu);
    text +=
        fmt::format(" {:>13}", outcome_text(extension_of(cell.all_resident, cell.cached, context_tokens)));
    if (i % study_batches.size() + 1 == study_batches.size()) text += "\n";
  }
  return text + "\n" + summary_text(summarise(cells, context_tokens));
}

nlohmann::ordered_json summary_json(const GridSummary& s) {
  nlohmann::ordered_json json;
  json["cells"] = s.cells;
  json["ratio"] = s.ratio;
  json["enabled"] = s.enabled;
  json["neither"] = s.neither;
  json["resident_only"] = s.resident_only;
  json["ratio_mean"] = s.ratio_mean;
  json["ratio_max"] = s.ratio_max;
  json["analytic_error_max"] = s.error_max;
  json["closed_form_error_median"] = s.closed_form_error_median;
  json["closed_form_error_max"] = s.closed_form_error_max;
  json["lent_waste_max"] = s.waste_max;
  json["lent_waste_model"] = s.waste_model;
  json["page_allocations"] = s.page_allocations;
  return json;
}

}  // namespace prophet
