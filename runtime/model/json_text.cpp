#include "runtime/model/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"

namespace prophet {
namespace {

constexpr std::string_view json_beginnings = "{[\"-0123456789tfn";

[[noreturn]] void refuse(std::string_view where, const std::string& why) {
  throw Error(ErrorCode::bad_input, fmt::format("'{}': {}", where, why));
}

/// Counts brackets and commas outside of strings; the parser after it decides whether they are well-formed.
class ShapeCheck {
 public:
  explicit ShapeCheck(std::string_view where) : where_(where) {}

  void see(char c) {
    if (in_string_) return see_in_string(c);
    if (c == '"') in_string_ = true;
    if (c == '[' || c == '{') open();
    if ((c == ']' || c == '}') && depth_ > 0) --depth_;
    if (c == ',') count();
  }

 private:
  void see_in_string(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
    }
  }
  void open() {
    if (++depth_ > limits::json_depth_max) {
      refuse(where_,
             fmt::format("nested deeper than {} levels; expected a flat object", limits::json_depth_max));
    }
    count();
  }
  void count() {
    if (++values_ > limits::json_values_max) {
      refuse(where_, fmt::format("more than {} values; expected a small object", limits::json_values_max));
    }
  }

  std::string_view where_;
  std::uint32_t depth_ = 0;
  std::uint32_t values_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

std::string line_and_column(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto start = before.rfind('\n');
  const auto column = start == std::string_view::npos ? before.size() + 1 : before.size() - start;
  return fmt::format("line {}, column {}", line, column);
}

}  // namespace

std::string read_text_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  std::error_code status;
  if (!std::filesystem::exists(path, status)) refuse(path.string(), "no such file; expected a JSON file");
  if (!std::filesystem::is_regular_file(path, status))
    refuse(path.string(), "not a regular file; expected a JSON file");
  const auto bytes = std::filesystem::file_size(path, status);
  if (status) refuse(path.string(), fmt::format("cannot be read: {}", status.message()));
  if (bytes > bytes_max)
    refuse(path.string(), fmt::format("{} bytes; expected at most {}", bytes, bytes_max));
  std::string text(bytes, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path.string(), "cannot be opened for reading");
  file.read(text.data(), static_cast<std::streamsize>(bytes));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (file.bad() || text.size() != bytes)
    refuse(path.string(), fmt::format("only {} of {} bytes could be read", text.size(), bytes));
  return text;
}

nlohmann::json parse_json_object(std::string_view text, std::string_view where, std::uint64_t bytes_max) {
  if (text.size() > bytes_max)
    refuse(where, fmt::format("{} bytes; expected at most {}", text.size(), bytes_max));
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first != text.npos && json_beginnings.find(text[first]) == json_beginnings.npos)
    refuse(where, "is no JSON text; expected a JSON object");
  ShapeCheck check(where);
  for (const char c : text) check.see(c);
  nlohmann::json parsed;
  try {
    parsed = nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& error) {
    refuse(where,
           fmt::format("not valid JSON at {}; expected a JSON object", line_and_column(text, error.byte)));
  } catch (const nlohmann::json::exception&) {
    refuse(where, "holds a number that is out of range; expected a JSON object");
  }
  if (!parsed.is_object()) refuse(where, fmt::format("is a JSON {}; expected an object", parsed.type_name()));
  return parsed;
}

}  // namespace prophet
