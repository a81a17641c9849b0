#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace prophet {

/// The fields of one JSON object, read with bounds. Every refusal is an Error{bad_input} that names the file,
/// the field, its value and what was expected. A field that is null counts as absent, as Hugging Face writes
/// it. A view: the object must outlive it.
class JsonFields {
 public:
  /// `prefix` is the path of the object inside the file, such as "text_config.", or empty.
  JsonFields(const nlohmann::json& object, std::string where, std::string prefix = {});

  [[nodiscard]] bool has(std::string_view field) const;
  /// The first of `fields` that is there, else the first: one thing has several names among the families.
  [[nodiscard]] std::string_view first_of(std::initializer_list<std::string_view> fields) const;

  /// A whole number in [min, max]; `count_or` gives `fallback` when it is absent.
  [[nodiscard]] std::uint32_t count(std::string_view field, std::uint32_t min, std::uint32_t max) const;
  [[nodiscard]] std::uint32_t count_or(std::string_view field, std::uint32_t min, std::uint32_t max,
                                       std::uint32_t fallback) const;
  /// A finite number in [min, max].
  [[nodiscard]] double number(std::string_view field, double min, double max) const;
  [[nodiscard]] bool flag_or(std::string_view field, bool fallback) const;
  [[nodiscard]] std::string text(std::string_view field) const;
  [[nodiscard]] std::string text_or(std::string_view field, std::string_view fallback) const;
  [[nodiscard]] bool has_object(std::string_view field) const;
  [[nodiscard]] bool has_array(std::string_view field) const;
  /// True when the field holds exactly this text; a field of another type does not.
  [[nodiscard]] bool is_text(std::string_view field, std::string_view text) const;
  /// Whole numbers in [0, max].
  [[nodiscard]] std::vector<std::uint32_t> counts(std::string_view field, std::uint32_t max) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view field) const;
  [[nodiscard]] JsonFields child(std::string_view field) const;
  [[nodiscard]] std::vector<JsonFields> children(std::string_view field) const;

  [[noreturn]] void refuse(std::string_view field, std::string_view expected) const;
  /// "'config.json': ".
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  [[nodiscard]] const nlohmann::json* find(std::string_view field) const;
  [[nodiscard]] const nlohmann::json& need(std::string_view field, std::string_view expected) const;

  const nlohmann::json* object_;
  std::string where_;
  std::string prefix_;
};

}  // namespace prophet
