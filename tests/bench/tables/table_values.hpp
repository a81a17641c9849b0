#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/tables/table_list.hpp"

namespace prophet::tables::test {

/// A table, and its cells by column and by the words that begin a row.
class Values {
 public:
  Values(std::string_view name, Catalogue catalogue);

  /// Of the first row whose first cells are `row`; numbers are given as they print without decimals. None for
  /// an empty cell. Fails the test, and is none, when there is no such row or column.
  [[nodiscard]] std::optional<double> number(const std::vector<std::string>& row, std::string_view key) const;
  [[nodiscard]] std::string words(const std::vector<std::string>& row, std::string_view key) const;
  [[nodiscard]] const Table& table() const { return table_; }
  /// Of that column, a cell a row.
  [[nodiscard]] std::vector<Cell> column(std::string_view key) const;

 private:
  [[nodiscard]] Cell cell(const std::vector<std::string>& row, std::string_view key) const;

  Table table_;
};

}  // namespace prophet::tables::test
