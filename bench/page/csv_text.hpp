#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace prophet::page {

/// Comma-separated values whose first line names the columns; quotes as RFC 4180 has them. Lines that begin
/// with "# " before it are comments, kept without that.
struct CsvText {
  std::vector<std::string> comments;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  ///< each of as many fields as there are columns
};

/// Throws Error{bad_input} that names the file, the line and what was expected.
[[nodiscard]] CsvText parse_csv_text(std::string_view text, const std::string& name);

}  // namespace prophet::page
