#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runtime/cache/miss_ratio_curve.hpp"
#include "runtime/cache/request_groups.hpp"

namespace prophet {

/// What a cache of one size could hit at best, and what the hottest experts would.
struct CurvePoint {
  std::uint32_t slabs = 0;
  std::uint64_t belady_hits = 0;
  std::uint64_t grouped_belady_hits = 0;
  std::uint64_t static_hits = 0;  ///< by the popularity in the very requests that are counted: hindsight
};

/// The LRU curve at every capacity, and the other policies at the asked ones.
struct CurveReport {
  ExpertGrid grid;
  MissRatioCurve lru;
  std::vector<CurvePoint> points;  ///< in the order asked
};

/// Counts everything. `slabs` are each between 1 and requests.grid.size().
[[nodiscard]] CurveReport count_curve(const RequestGroups& requests, const std::vector<std::uint32_t>& slabs);

/// One flat object for each policy and number of slabs: all capacities of `lru`, then the asked ones of
/// `belady`, `grouped-belady` and `static-hindsight`.
[[nodiscard]] nlohmann::json curve_rows_json(const CurveReport& report);
/// The same rows as CSV, keys as the header line.
[[nodiscard]] std::string curve_rows_csv(const CurveReport& report);
/// The table a person reads: one line for each asked number of slabs, and what the columns mean.
[[nodiscard]] std::string curve_table(const CurveReport& report);

}  // namespace prophet
