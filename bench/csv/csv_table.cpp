#include "bench/csv/csv_table.hpp"

#include <csv.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "prophet/error.hpp"

namespace prophet {
namespace {

/// What the parser's callbacks add to.
struct Reading {
  std::uint64_t line = 0;
  CsvTable::Row row;
  std::vector<CsvTable::Row> rows;
};

void add_field(void* text, std::size_t length, void* reading) {
  static_cast<Reading*>(reading)->row.fields.emplace_back(static_cast<const char*>(text), length);
}

void end_row(int, void* reading) {
  auto& to = *static_cast<Reading*>(reading);
  to.row.line = to.line;
  to.rows.push_back(std::exchange(to.row, {}));
}

class Parser {
 public:
  Parser() { csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI); }
  ~Parser() { csv_free(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  [[nodiscard]] bool parse(std::string_view line, Reading& reading) {
    return csv_parse(&parser_, line.data(), line.size(), add_field, end_row, &reading) == line.size();
  }
  [[nodiscard]] bool finish(Reading& reading) {
    return csv_fini(&parser_, add_field, end_row, &reading) == 0;
  }

 private:
  csv_parser parser_{};
};

std::vector<CsvTable::Row> parse(const std::string& name, std::string_view text, std::uint64_t first_line) {
  Parser parser;
  Reading reading;
  reading.line = first_line - 1;
  while (!text.empty()) {
    ++reading.line;
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    if (!parser.parse(text.substr(0, end), reading)) {
      throw Error(ErrorCode::bad_input,
                  fmt::format("{} line {}: a quote inside a field, expected it doubled", name, reading.line));
    }
    text.remove_prefix(end);
  }
  if (!parser.finish(reading))
    throw Error(ErrorCode::bad_input,
                fmt::format("{} line {}: expected a closing quote", name, reading.line));
  return std::move(reading.rows);
}

}  // namespace

CsvTable::CsvTable(std::string name, std::string_view text, std::uint64_t first_line)
    : name_(std::move(name)), rows_(parse(name_, text, first_line)) {
  if (rows_.empty())
    throw Error(ErrorCode::bad_input, fmt::format("{} is empty, expected a line of column names", name_));
  columns_ = std::move(rows_.front().fields);
  rows_.erase(rows_.begin());
  for (const Row& row : rows_) {
    if (row.fields.size() != columns_.size()) {
      throw Error(ErrorCode::bad_input,
                  fmt::format("{}: {} fields, expected the {} that its first line names", where(row),
                              row.fields.size(), columns_.size()));
    }
  }
}

void CsvTable::require_columns(std::initializer_list<const char*> columns) const {
  for (const char* column : columns) {
    if (!find(column)) {
      throw Error(ErrorCode::bad_input, fmt::format("{} line 1: no column '{}', expected one beside {}",
                                                    name_, column, fmt::join(columns_, ", ")));
    }
  }
}

std::optional<std::size_t> CsvTable::find(std::string_view column) const noexcept {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns_.begin());
}

const std::string& CsvTable::field(const Row& row, std::string_view column) const {
  return row.fields[find(column).value()];
}

std::optional<double> CsvTable::number(const Row& row, std::string_view column) const {
  const std::string& text = field(row, column);
  if (text.empty()) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw Error(ErrorCode::bad_input,
                fmt::format("{}, {}: '{}', expected a number", where(row), column, text));
  }
  return value;
}

std::optional<std::uint64_t> CsvTable::count(const Row& row, std::string_view column,
                                             std::uint64_t most) const {
  const auto value = number(row, column);
  if (!value) return std::nullopt;
  if (*value < 0 || *value != std::floor(*value) || *value > static_cast<double>(most)) {
    throw Error(ErrorCode::bad_input, fmt::format("{}, {}: '{}', expected a whole number from 0 to {}",
                                                  where(row), column, field(row, column), most));
  }
  return static_cast<std::uint64_t>(*value);
}

std::string CsvTable::where(const Row& row) const {
  return fmt::format("{} line {}", name_, row.line);
}

}  // namespace prophet
