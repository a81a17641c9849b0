#include "runtime/model/json_fields.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "prophet/error.hpp"

namespace prophet {
namespace {

constexpr std::size_t shown_characters_max = 60;

std::string shown(const nlohmann::json& value) {
  if (value.is_structured()) return fmt::format("{} of {} values", value.type_name(), value.size());
  auto text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > shown_characters_max) text = text.substr(0, shown_characters_max) + "...";
  return text;
}

std::optional<std::uint32_t> whole_number(const nlohmann::json& value, std::uint32_t min, std::uint32_t max) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  if (number < min || number > max) return std::nullopt;
  return static_cast<std::uint32_t>(number);
}

}  // namespace

JsonFields::JsonFields(const nlohmann::json& object, std::string where, std::string prefix)
    : object_(&object), where_(std::move(where)), prefix_(std::move(prefix)) {}

const nlohmann::json* JsonFields::find(std::string_view field) const {
  const auto found = object_->find(std::string(field));
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

const nlohmann::json& JsonFields::need(std::string_view field, std::string_view expected) const {
  const auto* value = find(field);
  if (value == nullptr) refuse(field, expected);
  return *value;
}

void JsonFields::refuse(std::string_view field, std::string_view expected) const {
  const auto* value = find(field);
  const auto state = value == nullptr ? std::string("is absent") : "is " + shown(*value);
  throw Error(ErrorCode::bad_input,
              fmt::format("'{}': field {}{} {}; expected {}", where_, prefix_, field, state, expected));
}

bool JsonFields::has(std::string_view field) const {
  return find(field) != nullptr;
}

std::string_view JsonFields::first_of(std::initializer_list<std::string_view> fields) const {
  for (const auto field : fields) {
    if (has(field)) return field;
  }
  return *fields.begin();
}

std::uint32_t JsonFields::count(std::string_view field, std::uint32_t min, std::uint32_t max) const {
  const auto expected = fmt::format("a whole number from {} to {}", min, max);
  const auto number = whole_number(need(field, expected), min, max);
  if (!number) refuse(field, expected);
  return *number;
}

std::uint32_t JsonFields::count_or(std::string_view field, std::uint32_t min, std::uint32_t max,
                                   std::uint32_t fallback) const {
  return has(field) ? count(field, min, max) : fallback;
}

double JsonFields::number(std::string_view field, double min, double max) const {
  const auto expected = fmt::format("a number from {:g} to {:g}", min, max);
  const auto& value = need(field, expected);
  if (!value.is_number()) refuse(field, expected);
  const auto number = value.get<double>();
  if (!std::isfinite(number) || number < min || number > max) refuse(field, expected);
  return number;
}

bool JsonFields::flag_or(std::string_view field, bool fallback) const {
  const auto* value = find(field);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) refuse(field, "true or false");
  return value->get<bool>();
}

std::string JsonFields::text(std::string_view field) const {
  const auto& value = need(field, "a text");
  if (!value.is_string()) refuse(field, "a text");
  return value.get<std::string>();
}

std::string JsonFields::text_or(std::string_view field, std::string_view fallback) const {
  return has(field) ? text(field) : std::string(fallback);
}

bool JsonFields::has_object(std::string_view field) const {
  const auto* value = find(field);
  return value != nullptr && value->is_object();
}

bool JsonFields::has_array(std::string_view field) const {
  const auto* value = find(field);
  return value != nullptr && value->is_array();
}

bool JsonFields::is_text(std::string_view field, std::string_view text) const {
  const auto* value = find(field);
  return value != nullptr && value->is_string() && value->get_ref<const std::string&>() == text;
}

std::vector<std::uint32_t> JsonFields::counts(std::string_view field, std::uint32_t max) const {
  const auto expected = fmt::format("a list of whole numbers from 0 to {}", max);
  const auto& value = need(field, expected);
  if (!value.is_array()) refuse(field, expected);
  std::vector<std::uint32_t> numbers;
  for (const auto& item : value) {
    const auto number = whole_number(item, 0, max);
    if (!number) refuse(field, expected + ", not " + shown(item));
    numbers.push_back(*number);
  }
  return numbers;
}

std::vector<std::string> JsonFields::texts(std::string_view field) const {
  const auto& value = need(field, "a list of texts");
  if (!value.is_array()) refuse(field, "a list of texts");
  std::vector<std::string> texts;
  for (const auto& item : value) {
    if (!item.is_string()) refuse(field, "a list of texts, not " + shown(item));
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

JsonFields JsonFields::child(std::string_view field) const {
  const auto& value = need(field, "an object");
  if (!value.is_object()) refuse(field, "an object");
  return JsonFields(value, where_, fmt::format("{}{}.", prefix_, field));
}

std::vector<JsonFields> JsonFields::children(std::string_view field) const {
  const auto& value = need(field, "a list of objects");
  if (!value.is_array()) refuse(field, "a list of objects");
  std::vector<JsonFields> objects;
  for (const auto& item : value) {
    if (!item.is_object()) refuse(field, "a list of objects, not " + shown(item));
    objects.emplace_back(item, where_, fmt::format("{}{}[{}].", prefix_, field, objects.size()));
  }
  return objects;
}

}  // namespace prophet
