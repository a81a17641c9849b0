#include "tests/bench/tables/table_values.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace prophet::tables::test {
namespace {

std::string text_of(const Cell& cell) {
  return cell.number() ? fmt::format("{:.0f}", *cell.number()) : cell.words();
}

bool begins_with(const std::vector<Cell>& row, const std::vector<std::string>& words) {
  return std::equal(words.begin(), words.end(), row.begin(),
                    [](const std::string& word, const Cell& cell) { return word == text_of(cell); });
}

}  // namespace

Values::Values(std::string_view name, Catalogue catalogue)
    : table_(make_table(find_table_kind(name), catalogue)) {}

std::optional<double> Values::number(const std::vector<std::string>& row, std::string_view key) const {
  return cell(row, key).number();
}

std::string Values::words(const std::vector<std::string>& row, std::string_view key) const {
  return cell(row, key).words();
}

std::vector<Cell> Values::column(std::string_view key) const {
  std::vector<Cell> cells;
  for (std::size_t c = 0; c < table_.columns.size(); ++c) {
    if (table_.columns[c].key != key) continue;
    for (const auto& row : table_.rows) cells.push_back(row[c]);
  }
  EXPECT_FALSE(cells.empty()) << table_.name << " has no column " << key;
  return cells;
}

Cell Values::cell(const std::vector<std::string>& row, std::string_view key) const {
  const auto found = std::find_if(table_.rows.begin(), table_.rows.end(),
                                  [&](const auto& each) { return begins_with(each, row); });
  if (found == table_.rows.end()) {
    ADD_FAILURE() << table_.name << " has no row " << row.front();
    return {};
  }
  const std::vector<Cell> cells = column(key);
  return cells.empty() ? Cell() : cells[static_cast<std::size_t>(found - table_.rows.begin())];
}

}  // namespace prophet::tables::test
