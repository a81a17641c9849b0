#include "bench/page/csv_text.hpp"

#include <fmt/format.h>

#include "bench/csv/csv_table.hpp"

namespace prophet::page {
namespace {

/// Takes the comments from the head of `text`.
std::vector<std::string> take_comments(std::string_view& text) {
  std::vector<std::string> comments;
  while (text.starts_with("# ")) {
    const std::size_t end = text.find('\n');
    comments.emplace_back(text.substr(2, end == text.npos ? text.npos : end - 2));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return comments;
}

}  // namespace

CsvText parse_csv_text(std::string_view text, const std::string& name) {
  CsvText csv;
  csv.comments = take_comments(text);
  const CsvTable table(fmt::format("'{}'", name), text, csv.comments.size() + 1);
  csv.columns = table.columns();
  for (const CsvTable::Row& row : table.rows()) csv.rows.push_back(row.fields);
  return csv;
}

}  // namespace prophet::page
