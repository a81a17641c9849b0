#include "bench/measure/table.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bench/report/provenance.hpp"

namespace prophet::measure {
namespace {

std::string object_text(const Rows& object) {
  std::string text;
  for (const auto& [key, value] : object.items())
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key, value.dump());
  return text;
}

std::string plain_text(const Rows& value) {
  if (value.is_object()) return object_text(value);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string cell(const Column& column, const Rows& row) {
  const auto found = row.find(column.key);
  if (found == row.end() || found->is_null()) return "-";
  if (column.is_text || !found->is_number()) return plain_text(*found);
  return fmt::format("{:.{}f}", found->get<double>() * column.scale, column.decimals);
}

std::string pad(const Column& column, const std::string& text) {
  if (column.is_text) return fmt::format("{:<{}}", text, column.width);
  return fmt::format("{:>{}}", text, column.width);
}

template <class TextOf>
std::string line(std::span<const Column> columns, TextOf text_of) {
  std::string text;
  for (const Column& column : columns)
    text += fmt::format("{}{}", text.empty() ? "" : " ", pad(column, text_of(column)));
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

/// As CSV takes it: with quotes where there is a comma or a quote.
std::string csv_cell(const Rows& value) {
  if (value.is_null()) return "";
  const std::string text = plain_text(value);
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  quoted += '"';
  return quoted;
}

}  // namespace

std::string table_text(std::span<const Column> columns, const Rows& rows) {
  std::string text = line(columns, [](const Column& column) { return std::string(column.heading); }) +
                     line(columns, [](const Column& column) { return std::string(column.unit); });
  for (const Rows& row : rows) text += line(columns, [&](const Column& column) { return cell(column, row); });
  return text;
}

std::string csv_text(const Rows& rows) {
  std::string text;
  for (const Rows& row : rows) {
    if (text.empty()) {
      text = "schema_version";
      for (const auto& [key, value] : row.items()) text += fmt::format(",{}", key);
      text += "\n";
    }
    text += std::to_string(report_schema_version);
    for (const auto& [key, value] : row.items()) text += fmt::format(",{}", csv_cell(value));
    text += "\n";
  }
  return text;
}

void set_timing(Rows& row, const char* prefix, const Timing& timing, bool times_mean_something) {
  const auto set = [&](const char* part, std::uint64_t value_ns) {
    Rows& place = row[fmt::format("{}_{}", prefix, part)];
    if (times_mean_something) place = value_ns;
  };
  set("median", timing.median_ns);
  set("min", timing.min_ns);
  set("max", timing.max_ns);
}

void set_rate(Rows& row, const char* key, double amount, const Timing& timing, bool times_mean_something) {
  Rows& place = row[key];
  if (times_mean_something && timing.median_ns != 0)
    place = amount * 1e9 / static_cast<double>(timing.median_ns);
}

}  // namespace prophet::measure
