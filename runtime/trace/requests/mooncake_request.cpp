#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"
#include "runtime/trace/import_support.hpp"
#include "runtime/trace/requests/request_lines.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t ns_per_ms = 1'000'000;

enum class Field : std::uint8_t { timestamp, input_length, output_length, hash_ids, unknown };
constexpr std::array<std::string_view, 4> names{"timestamp", "input_length", "output_length", "hash_ids"};

/// Takes nlohmann's events for one object; nothing but the four fields is kept.
class RequestHandler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  RequestHandler(std::string_view where, RequestRecord& request) : where_(where), request_(request) {}

  bool null() override { return other("null"); }
  bool boolean(bool value) override { return other(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return other(fmt::format("{}", value)); }
  bool number_float(number_float_t, const string_t& text) override { return other(text.substr(0, 32)); }
  bool string(string_t&) override { return other("a text"); }
  bool binary(binary_t&) override { return false; }
  bool number_unsigned(number_unsigned_t value) override;
  bool start_object(std::size_t) override;
  bool end_object() override;
  bool key(string_t& value) override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    refuse(where_, fmt::format("byte {} is no JSON; expected one complete object", position));
  }

  [[nodiscard]] std::uint64_t required(Field field) const {
    const auto& value = numbers_[static_cast<std::size_t>(field)];
    if (!value) refuse(where_, fmt::format("has no field '{}', expected it", name_of(field)));
    return *value;
  }
  [[nodiscard]] bool has_blocks() const noexcept { return seen_[static_cast<std::size_t>(Field::hash_ids)]; }

 private:
  static std::string_view name_of(Field field) { return names[static_cast<std::size_t>(field)]; }
  [[nodiscard]] bool skips() const noexcept { return skip_depth_ > 0 || field_ == Field::unknown; }
  [[noreturn]] void wrong(std::string_view value) const {
    if (field_ == Field::hash_ids) {
      refuse(where_, fmt::format("field 'hash_ids' has {}, expected a list of integers from 0 on", value));
    }
    refuse(where_, fmt::format("field '{}' is {}, expected an integer of {} to {}", name_of(field_), value,
                               least(), most()));
  }
  [[nodiscard]] std::uint64_t least() const { return field_ == Field::timestamp ? 0 : 1; }
  [[nodiscard]] std::uint64_t most() const {
    return field_ == Field::timestamp ? limits::request_span_ms_max : limits::request_tokens_max;
  }
  bool other(std::string_view value) {
    if (!in_object_) refuse(where_, fmt::format("is {}, expected an object in braces", value));
    if (!skips()) wrong(value);
    return true;
  }

  std::string_view where_;
  RequestRecord& request_;
  std::array<std::optional<std::uint64_t>, 3> numbers_;
  std::array<bool, names.size()> seen_{};
  Field field_ = Field::unknown;
  bool in_object_ = false;
  bool in_blocks_ = false;
  std::size_t skip_depth_ = 0;  ///< of arrays and objects below an unknown field
};

bool RequestHandler::number_unsigned(number_unsigned_t value) {
  if (!in_object_ || skips()) return other(fmt::format("{}", value));
  if (field_ == Field::hash_ids) {
    if (!in_blocks_) wrong(fmt::format("{}", value));
    request_.prefix_blocks.push_back(value);
    return true;
  }
  if (value < least() || value > most()) wrong(fmt::format("{}", value));
  numbers_[static_cast<std::size_t>(field_)] = value;
  return true;
}

bool RequestHandler::start_object(std::size_t) {
  if (!in_object_) {
    in_object_ = true;
    return true;
  }
  if (!skips()) wrong("an object");
  if (++skip_depth_ > limits::json_depth_max)
    refuse(where_, fmt::format("nests deeper than {} levels", limits::json_depth_max));
  return true;
}

bool RequestHandler::end_object() {
  if (skip_depth_ > 0) --skip_depth_;
  return true;
}

bool RequestHandler::key(string_t& value) {
  if (skip_depth_ > 0) return true;
  field_ = Field::unknown;
  for (std::size_t f = 0; f < names.size(); ++f) {
    if (value != names[f]) continue;
    if (seen_[f]) refuse(where_, fmt::format("field '{}' stands twice, expected it once", value));
    seen_[f] = true;
    field_ = static_cast<Field>(f);
  }
  return true;
}

bool RequestHandler::start_array(std::size_t) {
  if (!in_object_) refuse(where_, "is an array, expected an object in braces");
  if (skips()) {
    if (++skip_depth_ > limits::json_depth_max)
      refuse(where_, fmt::format("nests deeper than {} levels", limits::json_depth_max));
    return true;
  }
  if (field_ != Field::hash_ids || in_blocks_) wrong("an array");
  in_blocks_ = true;
  return true;
}

bool RequestHandler::end_array() {
  if (skip_depth_ > 0) {
    --skip_depth_;
  } else {
    in_blocks_ = false;
  }
  return true;
}

}  // namespace

std::uint64_t parse_mooncake_request(std::string_view line, std::string_view where, RequestRecord& request) {
  request.prefix_blocks.clear();
  RequestHandler handler(where, request);
  if (!nlohmann::json::sax_parse(line, &handler)) refuse(where, "is no complete JSON object; expected one");
  request.prompt_tokens = static_cast<std::uint32_t>(handler.required(Field::input_length));
  request.output_tokens = static_cast<std::uint32_t>(handler.required(Field::output_length));
  const std::uint64_t blocks = ceil_div(request.prompt_tokens, RequestRecord::block_tokens);
  if (handler.has_blocks() && request.prefix_blocks.size() != blocks) {
    refuse(where, fmt::format("has {} hash_ids for input_length {}, expected {}: one for each {} tokens",
                              request.prefix_blocks.size(), request.prompt_tokens, blocks,
                              RequestRecord::block_tokens));
  }
  return handler.required(Field::timestamp) * ns_per_ms;
}

}  // namespace prophet
