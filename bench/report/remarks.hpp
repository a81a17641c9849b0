#pragma once

#include <string>

#include "bench/report/replay_rows.hpp"

namespace prophet {

/// The line below a table that states the clairvoyant bound of a row.
[[nodiscard]] std::string bound_text(const ReportedRow& asked);

/// How many steps and requests a row is of, and what its prompts took, which no column counts.
[[nodiscard]] std::string passes_text(const ReportedRow& reported);

/// That everything was there from the beginning; empty where a slab for every expert is not given.
[[nodiscard]] std::string preload_text(const ReportedRow& reported, const ExpertGrid& grid);

/// How the misses of a run were met where not all were copied; empty where they were.
[[nodiscard]] std::string miss_text(const ReportedRow& reported);

/// What the forecasts of a run were worth; empty when there were none.
[[nodiscard]] std::string forecast_text(const ReplayMetrics& metrics);

}  // namespace prophet
