#include "runtime/model/json_events.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "prophet/error.hpp"

namespace prophet {
namespace {

constexpr std::size_t quoted_characters_max = 100;

[[noreturn]] void refuse(const std::string& what, std::string_view why) {
  throw Error(ErrorCode::bad_input, fmt::format("{} {}", what, why));
}

/// Refuses what would cost memory, and what the parser forgives: it takes a zero byte for the end of the text
/// and skips a byte order mark.
class TextCheck {
 public:
  TextCheck(const JsonBounds& bounds, const std::string& what) : bounds_(bounds), what_(what) {}

  void see(char c) {
    if (c == '\0') refuse(what_, fmt::format("holds a zero byte at byte {}; expected JSON text", at_));
    ++at_;
    if (in_string_) return see_in_string(c);
    if (c == '"') {
      in_string_ = true;
      string_bytes_ = 0;
    } else if (c == '[' || c == '{') {
      open();
    } else if ((c == ']' || c == '}') && depth_ > 0) {
      --depth_;
    }
  }

 private:
  void open() {
    if (++depth_ > bounds_.depth_max) {
      refuse(what_,
             fmt::format("is nested deeper than {} levels; expected a flat object", bounds_.depth_max));
    }
  }
  void see_in_string(char c) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
      return;
    }
    if (++string_bytes_ > bounds_.string_bytes_max) {
      refuse(what_,
             fmt::format("holds a text longer than {} bytes; expected names", bounds_.string_bytes_max));
    }
  }

  const JsonBounds& bounds_;
  const std::string& what_;
  std::uint64_t at_ = 0;
  std::uint64_t string_bytes_ = 0;
  std::uint32_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

/// The parser's callbacks, fewer and without what is skipped.
class Adapter {
 public:
  Adapter(const std::string& what, JsonEvents& events) : what_(what), events_(events) {}

  bool null() { return other(JsonKind::null); }
  bool boolean(bool) { return other(JsonKind::boolean); }
  bool number_integer(std::int64_t) { return other(JsonKind::number); }
  bool number_unsigned(std::uint64_t value) {
    if (skipped_depth_ == 0) events_.whole_number(value);
    return true;
  }
  bool number_float(double, const std::string&) { return other(JsonKind::number); }
  bool string(const std::string& value) {
    if (skipped_depth_ == 0) events_.text(value);
    return true;
  }
  bool binary(const nlohmann::json::binary_t&) { return true; }
  bool start_object(std::size_t) { return begin(JsonKind::object); }
  bool start_array(std::size_t) { return begin(JsonKind::array); }
  bool end_object() { return end(); }
  bool end_array() { return end(); }
  bool key(const std::string& name) {
    if (skipped_depth_ == 0) events_.key(name);
    return true;
  }
  bool parse_error(std::size_t byte, const std::string&, const nlohmann::json::exception& error) {
    constexpr int number_out_of_range = 406;
    if (error.id == number_out_of_range) refuse(what_, "holds a number beyond a double; expected JSON");
    refuse(what_,
           fmt::format("is not valid JSON at byte {}; expected a JSON object", byte > 0 ? byte - 1 : 0));
  }

 private:
  bool other(JsonKind kind) {
    if (skipped_depth_ == 0) events_.other(kind);
    return true;
  }
  bool begin(JsonKind kind) {
    if (skipped_depth_ > 0 || !events_.begin(kind)) ++skipped_depth_;
    return true;
  }
  bool end() {
    if (skipped_depth_ > 0) {
      --skipped_depth_;
    } else {
      events_.end();
    }
    return true;
  }

  const std::string& what_;
  JsonEvents& events_;
  std::uint32_t skipped_depth_ = 0;
};

}  // namespace

std::string_view json_kind_phrase(JsonKind kind) noexcept {
  constexpr std::array<std::string_view, 6> phrases{"null",   "a boolean", "another kind of number",
                                                    "a text", "an object", "an array"};
  return phrases[static_cast<std::size_t>(kind) % phrases.size()];
}

void read_json_events(std::string_view text, const JsonBounds& bounds, const std::string& what,
                      JsonEvents& events) {
  if (text.substr(0, 3) == "\xef\xbb\xbf") refuse(what, "begins with a byte order mark; expected JSON text");
  TextCheck check(bounds, what);
  for (const char c : text) check.see(c);
  Adapter adapter(what, events);
  nlohmann::json::sax_parse(text.begin(), text.end(), &adapter);
}

std::string quoted_name(std::string_view name) {
  auto text = nlohmann::json(std::string(name.substr(0, quoted_characters_max)))
                  .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (name.size() > quoted_characters_max) text.insert(text.size() - 1, "...");
  return text;
}

}  // namespace prophet
