#include "bench/report/dedup_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "bench/analytic/dedup_expectation.hpp"
#include "bench/analytic/expert_demand.hpp"
#include "bench/measure/table.hpp"

namespace prophet {
namespace {

using Row = nlohmann::ordered_json;
constexpr double exponent = analytic::study_exponent;

constexpr double to_percent = measure::to_percent;
constexpr std::array batch_columns{measure::Column{"batch", "batch", "tokens", 1, 0, 6},
                                   measure::Column{"unique", "distinct", "experts", 1, 2, 8},
                                   measure::Column{"local_exponent", "slope", "", 1, 3, 6},
                                   measure::Column{"uniform", "uniform", "experts", 1, 2, 8},
                                   measure::Column{"uniform_error", "off", "%", to_percent, 1, 6},
                                   measure::Column{"popularity", "popular.", "experts", 1, 2, 8},
                                   measure::Column{"popularity_error", "off", "%", to_percent, 1, 6},
                                   measure::Column{"law", "k*B^a", "experts", 1, 2, 8},
                                   measure::Column{"law_error", "off", "%", to_percent, 1, 6},
                                   measure::Column{"free_law", "c*B^a", "experts", 1, 2, 8},
                                   measure::Column{"free_law_error", "off", "%", to_percent, 1, 6},
                                   measure::Column{"study_law", "study", "experts", 1, 2, 8},
                                   measure::Column{"study_law_error", "off", "%", to_percent, 1, 6},
                                   measure::Column{"fitted", "in the fit", "", 1, 0, 10, true}};
constexpr std::array layer_columns{measure::Column{"layer", "layer", "", 1, 0, 6},
                                   measure::Column{"exponent", "alpha", "k*B^a", 1, 4, 8},
                                   measure::Column{"exponent_low", "from", "95 %", 1, 4, 8},
                                   measure::Column{"exponent_high", "to", "95 %", 1, 4, 8},
                                   measure::Column{"r_squared", "R2", "", 1, 4, 8},
                                   measure::Column{"popularity_exponent", "popular.", "alpha", 1, 4, 8},
                                   measure::Column{"uniform_exponent", "uniform", "alpha", 1, 4, 8},
                                   measure::Column{"free_exponent", "alpha", "c*B^a", 1, 4, 8},
                                   measure::Column{"free_scale", "c", "experts", 1, 3, 8},
                                   measure::Column{"study_r_squared", "R2", "study", 1, 4, 8},
                                   measure::Column{"first_batch_off", "off from", "tokens", 1, 0, 8}};

Row optional_batch(const analytic::Departure& departure) {
  return departure.first_batch ? Row(*departure.first_batch) : Row(nullptr);
}

void set_with_error(Row& row, const std::string& key, double said, double counted) {
  row[key] = said;
  row[key + "_error"] = said / counted - 1;
}

/// The numbers of a fit under the keys that rows, layers and the summary share.
void add_fit(Row& row, const DedupFit& fit) {
  row["exponent"] = fit.law.exponent;
  row["exponent_low"] = fit.exponent.low;
  row["exponent_high"] = fit.exponent.high;
  row["r_squared"] = fit.law.r_squared;
  row["first_batch_off"] = optional_batch(fit.departure);
  row["error_max"] = fit.departure.error_max;
  row["free_scale"] = fit.free_law.scale;
  row["free_exponent"] = fit.free_law.exponent;
  row["free_exponent_low"] = fit.free_exponent.low;
  row["free_exponent_high"] = fit.free_exponent.high;
  row["free_r_squared"] = fit.free_law.r_squared;
  row["free_first_batch_off"] = optional_batch(fit.free_departure);
  row["free_error_max"] = fit.free_departure.error_max;
  row["uniform_exponent"] = fit.uniform_law.exponent;
  row["uniform_r_squared"] = fit.uniform_law.r_squared;
  row["popularity_exponent"] = fit.popularity_law.exponent;
  row["study_exponent"] = exponent;
  row["study_in_interval"] = fit.exponent.contains(exponent);
  row["study_r_squared"] = fit.study_r_squared;
  row["study_first_batch_off"] = optional_batch(fit.study_departure);
  row["study_error_max"] = fit.study_departure.error_max;
}

Row batch_row(const DedupReport& report, const DedupFit& fit, std::size_t b, const Row& layer) {
  const std::uint32_t experts = report.shape.grid.experts;
  const std::uint32_t batch = fit.measured[b].batch;
  const double unique = fit.measured[b].unique;
  Row row;
  row["layer"] = layer;
  row["batch"] = batch;
  row["unique"] = unique;
  row["local_exponent"] =
      b == 0 ? Row(nullptr) : Row(analytic::local_exponent(fit.measured[b - 1], fit.measured[b]));
  const auto law = [&](double scale, double alpha) {
    return analytic::power_law_unique(experts, scale, alpha, batch);
  };
  set_with_error(row, "uniform", fit.uniform[b].unique, unique);
  set_with_error(row, "popularity", fit.popularity[b].unique, unique);
  set_with_error(row, "law", law(fit.law.scale, fit.law.exponent), unique);
  set_with_error(row, "free_law", law(fit.free_law.scale, fit.free_law.exponent), unique);
  set_with_error(row, "study_law", law(report.shape.top_k, exponent), unique);
  row["fitted"] = b < report.fitted.size();
  return row;
}

Row batch_rows(const DedupReport& report, const DedupFit& fit, const Row& layer) {
  Row rows = Row::array();
  for (std::size_t b = 0; b < fit.measured.size(); ++b) {
    Row row = batch_row(report, fit, b, layer);
    row["fitted"] = b < report.fitted.size() ? "yes" : "no";
    rows.push_back(std::move(row));
  }
  return rows;
}

bool by_exponent(const DedupFit& left, const DedupFit& right) {
  return left.law.exponent < right.law.exponent;
}

std::size_t layers_that_hold(const DedupReport& report, double alpha) {
  return static_cast<std::size_t>(
      std::count_if(report.layers.begin(), report.layers.end(),
                    [&](const DedupFit& fit) { return fit.exponent.contains(alpha); }));
}

std::string departure_text(const analytic::Departure& departure, double tolerance) {
  const std::string worst =
      fmt::format("at most {:.1f} % (batch {})", to_percent * departure.error_max, departure.error_max_batch);
  if (!departure.first_batch)
    return fmt::format("off by no more than {:g} %: {}", to_percent * tolerance, worst);
  return fmt::format("off by more than {:g} % from batch {}, {}", to_percent * tolerance,
                     *departure.first_batch, worst);
}

std::string fit_lines(const DedupReport& report, double tolerance) {
  const DedupFit& all = report.all;
  std::string text = fmt::format("k * B^a      a = {:.4f}, 95 % {:.4f} to {:.4f}, R2 {:.4f}; {}\n",
                                 all.law.exponent, all.exponent.low, all.exponent.high, all.law.r_squared,
                                 departure_text(all.departure, tolerance));
  text +=
      fmt::format("c * B^a      a = {:.4f}, 95 % {:.4f} to {:.4f}, c = {:.3f}, R2 {:.4f}; {}\n",
                  all.free_law.exponent, all.free_exponent.low, all.free_exponent.high, all.free_law.scale,
                  all.free_law.r_squared, departure_text(all.free_departure, tolerance));
  text += fmt::format(
      "study's law  a = {} (printed: 95 % {} to {}, R2 {}), R2 {:.4f} over these batches; {}\n", exponent,
      analytic::study_fit::exponent_low, analytic::study_fit::exponent_high, analytic::study_fit::r_squared,
      all.study_r_squared, departure_text(all.study_departure, tolerance));
  text += fmt::format(
      "the same fit k * B^a of uniform routing a = {:.4f} (R2 {:.4f}), of popularity a = {:.4f}\n",
      all.uniform_law.exponent, all.uniform_law.r_squared, all.popularity_law.exponent);
  return text;
}

std::string layers_line(const DedupReport& report) {
  const auto [least, most] = std::minmax_element(report.layers.begin(), report.layers.end(), by_exponent);
  return fmt::format(
      "layers       a = {:.4f} (layer {}) to {:.4f} (layer {}); the intervals of {} of {} layers hold the "
      "mean's "
      "{:.4f}, of {} the study's {}\n",
      least->law.exponent, least - report.layers.begin(), most->law.exponent, most - report.layers.begin(),
      layers_that_hold(report, report.all.law.exponent), report.layers.size(), report.all.law.exponent,
      layers_that_hold(report, exponent), exponent);
}

std::string answer(const DedupReport& report) {
  return fmt::format("answer       the study's exponent {} is {} the interval of this trace\n", exponent,
                     report.all.exponent.contains(exponent) ? "inside" : "outside");
}

constexpr const char* legend =
    "distinct: experts of a layer that a batch chooses, mean over layers. slope: the exponent between a "
    "batch "
    "and the\n"
    "one before, a constant where a power law holds. uniform: E (1 - (1 - k/E)^B). popular.: the sum over "
    "experts of\n"
    "1 - (1 - p)^B, p each expert's share of tokens in other sequences. off: what is said over what was "
    "counted, less 1.\n"
    "The fit is of log distinct over log B; laws end at E experts.\n";

std::string layers_table(const DedupReport& report) {
  Row rows = Row::array();
  for (std::size_t layer = 0; layer < report.layers.size(); ++layer) {
    Row row = {{"layer", layer}};
    add_fit(row, report.layers[layer]);
    rows.push_back(std::move(row));
  }
  return "\n" + measure::table_text(layer_columns, rows);
}

}  // namespace

Row dedup_rows(const DedupReport& report, bool per_layer) {
  Row rows = Row::array();
  const auto add = [&](const DedupFit& fit, const Row& layer) {
    for (std::size_t b = 0; b < fit.measured.size(); ++b) {
      rows.push_back(batch_row(report, fit, b, layer));
      add_fit(rows.back(), fit);
    }
  };
  add(report.all, nullptr);
  for (std::size_t layer = 0; per_layer && layer < report.layers.size(); ++layer)
    add(report.layers[layer], layer);
  return rows;
}

Row dedup_summary(const DedupReport& report) {
  const auto [least, most] = std::minmax_element(report.layers.begin(), report.layers.end(), by_exponent);
  Row summary;
  add_fit(summary, report.all);
  summary["fitted_batches"] = report.fitted;
  summary["layer_exponent_min"] = least->law.exponent;
  summary["layer_exponent_max"] = most->law.exponent;
  summary["layers_that_hold_the_exponent"] = layers_that_hold(report, report.all.law.exponent);
  summary["layers_that_hold_the_study_exponent"] = layers_that_hold(report, exponent);
  return summary;
}

std::string dedup_table(const DedupReport& report, const DedupOptions& options, bool per_layer) {
  std::string text = measure::table_text(batch_columns, batch_rows(report, report.all, nullptr));
  text += "\n" + fit_lines(report, options.tolerance) + layers_line(report) + answer(report) + "\n" + legend;
  if (per_layer) text += layers_table(report);
  return text;
}

}  // namespace prophet
