#include "bench/page/result_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace prophet::page {
namespace {

Cell shown_cell(const Shown& column, const Json& row) {
  const auto found = row.find(column.key);
  if (found == row.end()) return {};
  if (!found->is_number() || column.kind != ColumnKind::number || column.decimals == Shown::as_it_is)
    return plain_cell(*found);
  const double value = found->get<double>();
  return {fmt::format("{:.{}f}", value * column.scale, column.decimals), value, Tone::plain};
}

/// A column of which each known value is a number, and at least one is.
bool holds_numbers(const std::vector<std::vector<Cell>>& rows, std::size_t column) {
  bool any = false;
  for (const auto& row : rows) {
    if (!row[column].number && !row[column].text.empty()) return false;
    any = any || row[column].number;
  }
  return any;
}

std::vector<std::string> keys_of(const Json& rows) {
  std::vector<std::string> keys;
  std::set<std::string> seen;
  for (const Json& row : rows) {
    for (const auto& [key, value] : row.items())
      if (seen.insert(key).second) keys.push_back(key);
  }
  return keys;
}

std::string entries_text(const Json& list) {
  constexpr std::size_t short_list = 8;
  const bool is_flat =
      std::none_of(list.begin(), list.end(), [](const Json& each) { return each.is_structured(); });
  if (!is_flat || list.size() > short_list) return fmt::format("{} entries", list.size());
  std::string text;
  for (const auto& [key, value] : list.items()) {
    text += text.empty() ? "" : ", ";
    if (list.is_object()) text += key + " ";
    text += plain_cell(value).text;
  }
  return text;
}

}  // namespace

Cell plain_cell(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_boolean()) return {value.get<bool>() ? "yes" : "no", std::nullopt, Tone::plain};
  if (value.is_string()) return {value.get<std::string>(), std::nullopt, Tone::plain};
  if (value.is_number_float())
    return {fmt::format("{:.6g}", value.get<double>()), value.get<double>(), Tone::plain};
  if (value.is_number()) return {value.dump(), value.get<double>(), Tone::plain};
  return {entries_text(value), std::nullopt, Tone::plain};
}

Table shown_table(std::string title, std::span<const Shown> columns, const Json& rows) {
  Table table;
  table.title = std::move(title);
  for (const Shown& column : columns) table.columns.push_back({column.heading, column.unit, column.kind});
  for (const Json& row : rows) {
    auto& cells = table.rows.emplace_back();
    for (const Shown& column : columns) cells.push_back(shown_cell(column, row));
  }
  return table;
}

Table generic_table(std::string title, const Json& rows) {
  Table table;
  table.title = std::move(title);
  const std::vector<std::string> keys = keys_of(rows);
  for (const Json& row : rows) {
    auto& cells = table.rows.emplace_back();
    for (const std::string& key : keys) cells.push_back(row.contains(key) ? plain_cell(row.at(key)) : Cell{});
  }
  for (std::size_t c = 0; c < keys.size(); ++c)
    table.columns.push_back(
        {keys[c], "", holds_numbers(table.rows, c) ? ColumnKind::number : ColumnKind::text});
  return table;
}

Table facts_table(std::string title, const Json& object) {
  Table table;
  table.title = std::move(title);
  table.columns = {{"what", "", ColumnKind::text}, {"value", "", ColumnKind::number}};
  for (const auto& [key, value] : object.items())
    table.rows.push_back({Cell{key, std::nullopt, Tone::plain}, plain_cell(value)});
  return table;
}

}  // namespace prophet::page
