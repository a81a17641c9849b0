#include "bench/page/csv_text.hpp"

#include <csv.h>
#include <fmt/format.h>

#include <utility>

#include "prophet/error.hpp"

namespace prophet::page {
namespace {

using Rows = std::vector<std::vector<std::string>>;

struct Reading {
  std::vector<std::string> row;
  Rows rows;
};

void add_field(void* text, std::size_t length, void* reading) {
  static_cast<Reading*>(reading)->row.emplace_back(static_cast<const char*>(text), length);
}

void end_row(int, void* reading) {
  auto& to = *static_cast<Reading*>(reading);
  to.rows.push_back(std::exchange(to.row, {}));
}

class Parser {
 public:
  Parser() { csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI); }
  ~Parser() { csv_free(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  /// False for a quote in the wrong place.
  [[nodiscard]] bool read(std::string_view text, Reading& reading) {
    return csv_parse(&parser_, text.data(), text.size(), add_field, end_row, &reading) == text.size() &&
           csv_fini(&parser_, add_field, end_row, &reading) == 0;
  }

 private:
  csv_parser parser_{};
};

[[noreturn]] void refuse(const std::string& name, const std::string& sentence) {
  throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", name, sentence));
}

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
  Reading reading;
  if (!Parser().read(text, reading))
    refuse(name, fmt::format("a quote in the wrong place behind row {}, expected quotes around whole fields",
                             reading.rows.size()));
  if (reading.rows.empty()) refuse(name, "is empty, expected a line of column names");
  csv.columns = std::move(reading.rows.front());
  csv.rows.assign(std::make_move_iterator(reading.rows.begin() + 1),
                  std::make_move_iterator(reading.rows.end()));
  for (std::size_t row = 0; row < csv.rows.size(); ++row) {
    if (csv.rows[row].size() != csv.columns.size())
      refuse(name, fmt::format("row {} has {} fields, expected the {} that its first line names", row + 1,
                               csv.rows[row].size(), csv.columns.size()));
  }
  return csv;
}

}  // namespace prophet::page
