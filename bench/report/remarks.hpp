#pragma once

#include <string>

#include "bench/report/replay_rows.hpp"

namespace prophet {

/// The line below a table that states the clairvoyant bound of a row.
[[nodiscard]] std::string bound_text(const ReportedRow& asked);

/// What the forecasts of a run were worth; empty when there were none.
[[nodiscard]] std::string forecast_text(const ReplayMetrics& metrics);

}  // namespace prophet
