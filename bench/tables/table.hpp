#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/analytic/selection.hpp"

/// The tables of the published study, computed by this project.
namespace prophet::tables {

using analytic::Catalogue;

/// What stands in one place of a table: nothing where it is not known, a number in its column's unit, or
/// words.
class Cell {
 public:
  Cell() = default;
  Cell(double number) : number_(number) {}
  Cell(std::string words) : words_(std::move(words)) {}
  Cell(const char* words) : words_(words) {}

  [[nodiscard]] std::optional<double> number() const noexcept { return number_; }
  /// Empty for a number, and where nothing is known.
  [[nodiscard]] const std::string& words() const noexcept { return words_; }
  [[nodiscard]] bool known() const noexcept { return number_ || !words_.empty(); }

 private:
  std::optional<double> number_;
  std::string words_;
};

template <typename Value>
[[nodiscard]] Cell number(const std::optional<Value>& value) {
  if (!value) return {};
  return static_cast<double>(*value);
}

/// Bytes as GB of 10^9.
[[nodiscard]] Cell gb(std::optional<std::uint64_t> bytes);
/// A share as a percentage.
[[nodiscard]] Cell percent(std::optional<double> share);
[[nodiscard]] Cell yes_or_no(std::optional<bool> value);

struct Column {
  std::string key;      ///< in CSV, with its unit last
  std::string heading;  ///< for readers, with its unit
  int decimals = 0;     ///< that readers see; CSV has all digits
  bool is_text = false;
};

[[nodiscard]] Column text_column(std::string key, std::string heading);
/// A whole number.
[[nodiscard]] Column count_column(std::string key, std::string heading);
[[nodiscard]] Column gb_column(std::string key, std::string heading);
[[nodiscard]] Column percent_column(std::string key, std::string heading);
/// Anything else with `decimals` of them.
[[nodiscard]] Column number_column(std::string key, std::string heading, int decimals = 3);

/// A table of the study in one of the two catalogues. Every row has one cell a column.
struct Table {
  std::string name;      ///< what --table takes and files are called
  std::string document;  ///< of the study: "000" to "004"
  std::string title;
  Catalogue catalogue = Catalogue::study;
  std::vector<std::string> notes;  ///< sentences: what it rests on, and what it does not say
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;
};

}  // namespace prophet::tables
