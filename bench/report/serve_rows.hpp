#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runtime/engine/serve/serve_result.hpp"

namespace prophet {

/// One row of the table: where the boundary stood, and what came of it.
struct ServeRow {
  std::string boundary;  ///< "fixed", "all-resident", "adaptive", "best-per-window"
  double kv_share = 0;   ///< of a fixed one; of the others the mean over the steps
  bool ran = true;       ///< false: the memory does not hold all experts, or a bound without a run
  bool is_bound = false;
  ServeSummary summary;
  ServeResult result;
};

/// The bound that takes, for each of `windows` pieces of equally many requests, the fixed row with the most
/// good ones. It is in hindsight and no run: every piece begins as its own fixed split has left things.
[[nodiscard]] ServeRow best_per_window(const std::vector<ServeRow>& rows, std::uint32_t windows,
                                       const ServeLimits& limits);

[[nodiscard]] std::string serve_table_header();
[[nodiscard]] std::string serve_table_line(const ServeRow& row);
/// What the columns mean, and how the adaptive row stands to the fixed ones.
[[nodiscard]] std::string serve_table_legend();
[[nodiscard]] std::string serve_answer(const std::vector<ServeRow>& rows);

[[nodiscard]] nlohmann::json serve_row_json(const ServeRow& row);
/// The rows without what is nested in them, keys as the header line.
[[nodiscard]] std::string serve_rows_csv(const std::vector<ServeRow>& rows);

}  // namespace prophet
