#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prophet {

/// A text of comma-separated values whose first line names the columns; quotes as RFC 4180 has them, blank
/// lines and the spaces around a field do not count. Owns its fields.
class CsvTable {
 public:
  struct Row {
    std::uint64_t line = 0;  ///< the last of the row's, from 1 on
    std::vector<std::string> fields;
  };

  /// `name` is the file's and `first_line` the number of the text's first line in it, for errors. Throws
  /// Error{bad_input}: no line at all, a quote that is not closed or stands inside a field, a row with more
  /// or fewer fields than columns.
  CsvTable(std::string name, std::string_view text, std::uint64_t first_line = 1);

  /// Throws Error{bad_input} that names the first one that is missing.
  void require_columns(std::initializer_list<const char*> columns) const;

  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }
  /// REQUIRES: a column of that name.
  [[nodiscard]] const std::string& field(const Row& row, std::string_view column) const;
  /// None when the field is empty. Throws Error{bad_input} for what is no finite number.
  [[nodiscard]] std::optional<double> number(const Row& row, std::string_view column) const;
  /// Likewise, of a whole number from 0 on, at most `most`.
  [[nodiscard]] std::optional<std::uint64_t> count(const Row& row, std::string_view column,
                                                   std::uint64_t most) const;
  /// "claims.csv line 7"
  [[nodiscard]] std::string where(const Row& row) const;

 private:
  [[nodiscard]] std::optional<std::size_t> find(std::string_view column) const noexcept;

  std::string name_;
  std::vector<std::string> columns_;
  std::vector<Row> rows_;
};

}  // namespace prophet
