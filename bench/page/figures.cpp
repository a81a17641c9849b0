#include "bench/page/figures.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

#include "bench/page/csv_text.hpp"
#include "bench/page/escape.hpp"
#include "bench/page/result_table.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_text.hpp"

namespace prophet::page {
namespace {

namespace fs = std::filesystem;

/// More rows are left to the file that goes with the table: timelines have tens of thousands.
constexpr std::size_t shown_rows_max = 1000;

constexpr const char* the_numbers = "the numbers that the picture beside it is drawn from";

[[noreturn]] void refuse(const fs::path& path, std::string_view sentence) {
  throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", path.string(), sentence));
}

std::vector<fs::path> pictures_in(const fs::path& folder) {
  std::error_code failure;
  if (!fs::is_directory(folder, failure))
    refuse(folder, "is no folder, expected one with pictures, NAME.svg");
  std::vector<fs::path> pictures;
  for (fs::directory_iterator each(folder, failure); !failure && each != fs::directory_iterator();
       each.increment(failure)) {
    if (each->path().extension() == ".svg") pictures.push_back(each->path());
  }
  if (failure)
    refuse(folder, fmt::format("cannot be read: {}, expected a folder with pictures", failure.message()));
  if (pictures.empty()) refuse(folder, "has no picture, expected at least one NAME.svg");
  std::sort(pictures.begin(), pictures.end());
  return pictures;
}

/// "stall_by_slabs" as "Stall by slabs".
std::string title_of(const fs::path& picture) {
  std::string title = valid_utf8(picture.stem().string());
  std::replace(title.begin(), title.end(), '_', ' ');
  if (!title.empty()) title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

Figure read_figure(const fs::path& picture) {
  std::string svg = read_text_file(picture, limits::config_json_bytes_max);
  if (svg.find("<svg") == svg.npos) refuse(picture, "holds no <svg> element, expected a picture");
  return {title_of(picture), "", valid_utf8(picture.string()), std::move(svg)};
}

Json field_json(const std::string& field) {
  if (field.empty()) return {};
  double value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error == std::errc() && end == field.data() + field.size()) return value;
  return valid_utf8(field);
}

struct Data {
  std::string origin;  ///< what the file says of itself; may be empty
  Json rows = Json::array();
};

Data csv_data(const fs::path& path, const std::string& text) {
  const CsvText csv = parse_csv_text(text, path.string());
  Data data{valid_utf8(fmt::format("{}", fmt::join(csv.comments, "; "))), Json::array()};
  for (const auto& fields : csv.rows) {
    Json& row = data.rows.emplace_back(Json::object());
    for (std::size_t c = 0; c < fields.size(); ++c) row[valid_utf8(csv.columns[c])] = field_json(fields[c]);
  }
  return data;
}

Data json_data(const fs::path& path, const std::string& text) {
  const Json document = parse_bounded(path, text, the_numbers);
  const Json* rows = &document;
  for (const char* key : {"rows", "traceEvents", "claims"})
    if (document.is_object() && document.contains(key)) rows = &document.at(key);
  const bool are_rows = rows->is_array() && std::all_of(rows->begin(), rows->end(),
                                                        [](const Json& row) { return row.is_object(); });
  if (!are_rows) refuse(path, fmt::format("has no list of rows, expected {}", the_numbers));
  return {"", *rows};
}

Table data_table(const std::string& title, const Data& data) {
  Json shown = Json::array();
  for (const Json& row : data.rows)
    if (shown.size() < shown_rows_max) shown.push_back(row);
  Table table = generic_table(fmt::format("Numbers of \"{}\"", title), shown);
  table.is_folded = true;
  if (data.rows.size() > shown.size())
    table.note = fmt::format("The first {} of {} rows: the file has all.", shown.size(), data.rows.size());
  return table;
}

/// The file that holds a picture's numbers; empty where there is none.
fs::path numbers_of(const fs::path& picture) {
  for (const char* extension : {".csv", ".json"}) {
    const fs::path path = fs::path(picture).replace_extension(extension);
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path;
  }
  return {};
}

void add_picture(Section& section, const fs::path& picture) {
  Figure figure = read_figure(picture);
  section.blocks.emplace_back(Heading{figure.title});
  const fs::path path = numbers_of(picture);
  if (path.empty()) {
    section.blocks.emplace_back(std::move(figure));
    section.blocks.emplace_back(Paragraph{"No file with its numbers lies beside this picture.", true});
    return;
  }
  const bool is_csv = path.extension() == ".csv";
  std::string text = read_text_file(path, limits::config_json_bytes_max);
  const Data data = is_csv ? csv_data(path, text) : json_data(path, text);
  figure.caption = data.origin;
  Table table = data_table(figure.title, data);
  section.blocks.emplace_back(std::move(figure));
  section.blocks.emplace_back(std::move(table));
  section.blocks.emplace_back(Download{"All its numbers", valid_utf8(path.filename().string()),
                                       valid_utf8(path.string()), is_csv ? "text/csv" : "application/json",
                                       std::move(text)});
}

}  // namespace

Section figures_section(const fs::path& folder) {
  Section section{"Pictures", {}};
  for (const fs::path& picture : pictures_in(folder)) add_picture(section, picture);
  return section;
}

}  // namespace prophet::page
