#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "bench/measure/timing.hpp"

namespace prophet::measure {

/// A row of a result under its JSON keys, flat but for objects of shapes. Absent numbers are null.
using Rows = nlohmann::ordered_json;

/// Scales of columns: from the units of JSON to those that a table prints.
inline constexpr double ns_to_us = 1e-3;
inline constexpr double to_mega = 1e-6;
inline constexpr double to_giga = 1e-9;
inline constexpr double to_percent = 100;

/// How a table prints one key of its rows.
struct Column {
  const char* key = "";
  const char* heading = "";
  const char* unit = "";
  double scale = 1;  ///< what is printed is the value times this
  int decimals = 0;
  int width = 8;
  bool is_text = false;  ///< left-aligned
};

/// Two lines of headings and a line a row. Null is printed as "-"; an object as "key value, key value".
[[nodiscard]] std::string table_text(std::span<const Column> columns, const Rows& rows);

/// A line of keys, of which the first is schema_version, and a line a row. Null is empty.
[[nodiscard]] std::string csv_text(const Rows& rows);

/// Sets PREFIX_median, PREFIX_min and PREFIX_max; null where times mean nothing.
void set_timing(Rows& row, const char* prefix, const Timing& timing, bool times_mean_something);

/// Sets `key` to amount / time in units a second; null where times mean nothing or no time has passed.
void set_rate(Rows& row, const char* key, double amount, const Timing& timing, bool times_mean_something);

}  // namespace prophet::measure
