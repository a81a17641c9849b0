#include "bench/page/result_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bench/page/escape.hpp"
#include "bench/report/schema_version.hpp"
#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_text.hpp"

namespace prophet::page {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, std::string_view what,
                         std::string_view expected) {
  throw Error(ErrorCode::bad_input, fmt::format("'{}': {}, expected {}", path.string(), what, expected));
}

constexpr const char* a_result = "a result that a prophet command wrote with --json";

bool is_list_of(const Json& value, bool (Json::*is_kind)() const noexcept) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [&](const Json& each) { return (each.*is_kind)(); });
}

void check_provenance(const std::filesystem::path& path, const Json& document) {
  const auto provenance = document.find("provenance");
  if (provenance == document.end() || !provenance->is_object()) refuse(path, "no provenance", a_result);
  const auto argv = provenance->find("argv");
  if (argv == provenance->end() || !is_list_of(*argv, &Json::is_string))
    refuse(path, "no command line in provenance.argv", a_result);
}

void check_version(const std::filesystem::path& path, const Json& document) {
  const auto version = number_at(document, "schema_version").value_or(report_schema_version);
  if (version == report_schema_version) return;
  refuse(path, fmt::format("schema_version {}", version),
         fmt::format("{}, which this prophet writes", report_schema_version));
}

void check_rows(const std::filesystem::path& path, const Json& document) {
  for (const char* key : {"claims", "rows"}) {
    const auto rows = document.find(key);
    if (rows == document.end()) continue;
    if (!is_list_of(*rows, &Json::is_object))
      refuse(path, fmt::format("{} is no list of objects", key), a_result);
    if (rows->empty()) refuse(path, fmt::format("{} is empty", key), "at least one of them");
    return;
  }
  refuse(path, "neither rows nor claims",
         "a kind of result that has them, as replay, sweep, headroom or validate write it with --json");
}

void name_by_path_where_names_clash(std::vector<Result>& results) {
  std::map<std::string, int> uses;
  for (const Result& result : results) ++uses[result.name];
  for (Result& result : results)
    if (uses[result.name] > 1) result.name = result.path;
}

}  // namespace

std::string Result::command() const {
  const Json& argv = provenance().at("argv");
  return argv.size() < 2 ? "" : argv[1].get<std::string>();
}

const Json& Result::rows() const {
  return document.at(is_ledger() ? "claims" : "rows");
}

Json parse_bounded(const std::filesystem::path& path, const std::string& text, const std::string& expected) {
  try {
    return Json::parse(text, [&](int depth, Json::parse_event_t, const Json&) {
      if (depth > static_cast<int>(limits::json_depth_max))
        refuse(path, fmt::format("nested deeper than {} levels", limits::json_depth_max), expected);
      return true;
    });
  } catch (const Json::parse_error& error) {
    refuse(path, fmt::format("is no JSON at byte {}", error.byte), expected);
  } catch (const Json::exception&) {
    refuse(path, "holds a number that is out of range", expected);
  }
}

Result read_result(const std::filesystem::path& path) {
  Result result;
  result.path = valid_utf8(path.string());
  result.name = valid_utf8(path.filename().string());
  result.text = read_text_file(path, limits::config_json_bytes_max);
  result.document = parse_bounded(path, result.text, a_result);
  if (!result.document.is_object())
    refuse(path, fmt::format("is a JSON {}", result.document.type_name()), a_result);
  check_provenance(path, result.document);
  check_version(path, result.document);
  check_rows(path, result.document);
  return result;
}

Results read_results(const std::vector<std::string>& paths) {
  Results read;
  for (const std::string& path : paths) {
    Result result = read_result(path);
    const auto same = std::find_if(read.results.begin(), read.results.end(),
                                   [&](const Result& other) { return other.text == result.text; });
    if (same == read.results.end()) {
      read.results.push_back(std::move(result));
    } else {
      read.remarks.push_back(fmt::format("{} is shown once: {} holds the same.", same->path,
                                         result.path == same->path ? "a second mention" : result.path));
    }
  }
  name_by_path_where_names_clash(read.results);
  return read;
}

std::optional<double> number_at(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::string text_at(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() || !found->is_string() ? "" : found->get<std::string>();
}

bool is_true_at(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

bool all_have(const Json& rows, const std::vector<std::string_view>& keys) {
  return std::all_of(rows.begin(), rows.end(), [&](const Json& row) {
    return std::all_of(keys.begin(), keys.end(), [&](std::string_view key) { return row.contains(key); });
  });
}

}  // namespace prophet::page
