#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "bench/analytic/analytic_cell.hpp"
#include "bench/analytic/selection.hpp"

namespace prophet {

/// A cell, flat: every metric that docs/analytic.md lists, in its order. Bytes, tokens and nanoseconds are
/// whole numbers, shares are in [0, 1]; what the catalogue does not say is null. Keys that begin with
/// "study_" are as the study computed them, in its units, and are there for its own catalogue only.
[[nodiscard]] nlohmann::ordered_json analyze_row(const analytic::AnalyticCell& cell,
                                                 analytic::Catalogue catalogue);

/// One cell: its model's figures, a column for each approach with the five parts and what follows from them,
/// the experts that a step wants, the extension; of the study's catalogue also what the study computed.
[[nodiscard]] std::string analyze_table(const analytic::AnalyticCell& cell, analytic::Catalogue catalogue);

/// REQUIRES: a cell. A line for each model and GPU with the extension at each batch, and how many cells have
/// which outcome.
[[nodiscard]] std::string analyze_grid_table(const std::vector<analytic::AnalyticCell>& cells,
                                             const std::vector<std::uint32_t>& batches,
                                             analytic::Catalogue catalogue);

/// Counts of outcomes, and the mean and the largest ratio over the cells where both sides fit.
[[nodiscard]] nlohmann::ordered_json analyze_summary(const std::vector<analytic::AnalyticCell>& cells);

}  // namespace prophet
