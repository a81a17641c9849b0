#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "predictor/forecast_tally.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

/// `ForecastRow::layer` of rows that are no single layer's.
enum class ForecastScope : std::uint8_t {
  step,       ///< all layers that were forecast from the same step
  next_step,  ///< all that were forecast from the step before
  layer
};

/// What came of one predictor's forecasts a number of layers ahead.
struct ForecastRow {
  std::string predictor;
  bool is_control = false;  ///< must read exactly 1
  std::uint32_t ahead = 0;  ///< layers; 0: of the layer itself
  ForecastScope scope = ForecastScope::step;
  std::uint32_t layer = 0;  ///< the target, where the scope is a layer
  ForecastTally tally;
};

/// How long before its layer a forecast is there.
struct LeadTime {
  std::uint32_t ahead = 0;
  double lead_ns = 0;         ///< of `ahead` layers of a step in which every expert is resident
  double experts_copied = 0;  ///< that the link brings in that time
};

struct ForecastReport {
  ExpertGrid grid;
  std::vector<std::uint32_t> coverages;  ///< as in the tallies; the grid's experts: all
  std::vector<ForecastRow> rows;
  std::vector<LeadTime> lead;  ///< empty where no device has times
  bool lead_is_simulated = false;
};

/// One object for each row; shares where nothing was counted are null.
[[nodiscard]] nlohmann::json forecast_rows_json(const ForecastReport& report);
/// One object for each number of layers ahead.
[[nodiscard]] nlohmann::json lead_json(const ForecastReport& report);
/// The same rows as CSV, without the reliability curves; shares where nothing was counted are empty.
[[nodiscard]] std::string forecast_rows_csv(const ForecastReport& report);
/// The tables a person reads: recall, what of it pays, and how far probabilities are frequencies; with
/// `per_layer` the rows of the layers too, with `reliability` the curves. "-" stands where nothing was
/// counted.
[[nodiscard]] std::string forecast_table(const ForecastReport& report, bool per_layer, bool reliability);

}  // namespace prophet
