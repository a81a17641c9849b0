#pragma once

#include <span>
#include <string>

#include "bench/page/page.hpp"
#include "bench/page/result_file.hpp"

namespace prophet::page {

/// How a table shows one key of its rows.
struct Shown {
  /// Decimals of a number that is printed with at most six digits, unscaled.
  static constexpr int as_it_is = -1;

  const char* key = "";
  const char* heading = "";
  const char* unit = "";
  double scale = 1;  ///< what is printed is the value times this
  int decimals = 0;
  ColumnKind kind = ColumnKind::number;
};

/// A column of texts.
[[nodiscard]] constexpr Shown shown_text(const char* key, const char* heading) {
  return {key, heading, "", 1, 0, ColumnKind::text};
}
/// A column of whole numbers.
[[nodiscard]] constexpr Shown shown_count(const char* key, const char* heading, const char* unit = "") {
  return {key, heading, unit};
}

/// From the units of JSON to those that a table prints.
inline constexpr double to_percent = 100;
inline constexpr double to_mega = 1e-6;
inline constexpr double to_giga = 1e-9;
inline constexpr double ns_to_ms = 1e-6;
inline constexpr double ns_to_us = 1e-3;

/// A value as it stands: numbers with at most six digits, true and false as yes and no, null as nothing,
/// short lists and objects of such values with commas between them, others as the number of their entries.
[[nodiscard]] Cell plain_cell(const Json& value);

/// One line a row. A value that is absent or null leaves its cell empty.
[[nodiscard]] Table shown_table(std::string title, std::span<const Shown> columns, const Json& rows);

/// Every key of every row, in the order in which they first appear, under its own name.
[[nodiscard]] Table generic_table(std::string title, const Json& rows);

/// An object's keys and values as a table of two columns.
[[nodiscard]] Table facts_table(std::string title, const Json& object);

}  // namespace prophet::page
