#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runtime/engine/replay_session.hpp"

namespace prophet {

/// One row of a result with the bound of its slabs and batch.
struct ReportedRow {
  ReplayRow row;
  ClairvoyantBound bound;
  bool is_baseline = false;
  bool simulated = false;
  bool has_times = true;  ///< false of the test vehicle: times are null in JSON and "-" in the table
};

/// What was asked for, without what came of it: policy, predictor, sizes.
[[nodiscard]] nlohmann::json case_json(const ReplayCase& what);

/// One flat object, case_json's keys among others: snake_case keys, units last, plain numbers.
[[nodiscard]] nlohmann::json row_json(const ReportedRow& reported);

/// One object a layer of the row: requests and what they met, and how well the layer was forecast one layer
/// ahead.
[[nodiscard]] nlohmann::json layers_json(const ReportedRow& reported);

/// The same rows as CSV, keys as the header line.
[[nodiscard]] std::string rows_csv(const std::vector<ReportedRow>& rows);

/// The table a person reads: a header and one line a row. `with_elsewhere`: with a column of the misses that
/// were not copied, for tables of which a row may have some.
[[nodiscard]] std::string table_header(bool with_elsewhere = false);
[[nodiscard]] std::string table_line(const ReportedRow& reported, bool with_elsewhere = false);
/// What the columns mean.
[[nodiscard]] std::string table_legend(bool with_elsewhere = false);

}  // namespace prophet
