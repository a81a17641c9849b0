#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bench/measure/measured_against.hpp"
#include "bench/measure/measurements.hpp"
#include "bench/measure/table.hpp"

namespace prophet {

/// What all `prophet measure` commands are asked.
struct MeasureOptions {
  std::string device = "cuda";
  std::string profile;
  std::uint32_t repetitions = 0;  ///< 0: the command's own number
  std::uint64_t seed = 1;
  std::string json_path;
  std::string csv_path;
  bool quiet = false;
};

/// A table of a result under its JSON key, and how it is printed.
struct MeasuredTable {
  std::string key;
  measure::Rows rows;
  std::string text;
};

/// The number behind --device cuda[:N]. Throws Error{usage} for another device.
[[nodiscard]] int measured_ordinal(const MeasureOptions& options);

/// The repetitions asked for, or so many; few where times mean nothing.
[[nodiscard]] measure::Repetitions measured_repetitions(const MeasureOptions& options, std::uint32_t usual);

/// Prints what was measured, on what, and how; writes --json (all tables) and --csv (the first one).
void report_measured(const MeasureOptions& options, const measure::MeasuredGpu& gpu,
                     const measure::MeasuredAgainst& against, const measure::Repetitions& repetitions,
                     const std::vector<MeasuredTable>& tables, const std::string& legend);

}  // namespace prophet
