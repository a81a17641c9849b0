#include "runtime/trace/json_line.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "prophet/limits.hpp"

namespace prophet {
namespace {

constexpr std::uint64_t format_version = 1;

/// Takes nlohmann's events for one object; nothing but the fields asked for is kept.
class LineHandler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  LineHandler(std::string_view name, JsonLine& line) : name_(name), line_(line) {}

  bool null() override {
    return scalar("null", [](std::string_view) { return false; });
  }
  bool boolean(bool value) override;
  bool number_integer(number_integer_t value) override;
  bool number_unsigned(number_unsigned_t value) override;
  bool number_float(number_float_t value, const string_t& text) override;
  bool string(string_t& value) override;
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override;
  bool end_object() override;
  bool key(string_t& value) override;
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override;

 private:
  [[noreturn]] void wrong(std::string_view sentence) const { refuse(name_, sentence); }
  [[noreturn]] void wrong_type(std::string_view value, std::string_view expected) const {
    wrong(fmt::format("field '{}' is {}, expected {}", key_.substr(0, 64), value, expected));
  }

  /// Skips a value of an unknown field; else lets `take` have the field's name, refusing what it does not
  /// take.
  template <class Take>
  bool scalar(std::string_view value, Take&& take) {
    if (depth_ == 0) wrong(fmt::format("is {}, expected an object in braces", value));
    if (skip_depth_ > 0 || field_ == Field::unknown) return true;
    if (!take(std::string_view(key_))) wrong_type(value, expected_type());
    return true;
  }

  enum class Field { unknown, integer, truth, text, ids, request_ids, weights };
  static Field field_of(std::string_view key);
  [[nodiscard]] std::string_view expected_type() const;
  [[nodiscard]] bool in_array() const { return array_depth_ > 0; }
  [[nodiscard]] NestedArray* array_of_field();
  [[nodiscard]] std::size_t levels() const { return field_ == Field::request_ids ? 3 : 2; }
  void set_integer(std::uint64_t value);
  std::uint32_t bounded(std::uint64_t value, std::uint64_t most) const;
  void count_item();
  bool take_id(std::uint64_t value);
  bool take_weight(double value);

  std::string_view name_;
  JsonLine& line_;
  std::string key_;
  Field field_ = Field::unknown;
  std::size_t depth_ = 0;       ///< of objects: 0 outside, 1 in the line's own
  std::size_t skip_depth_ = 0;  ///< of arrays and objects below an unknown field
  std::size_t array_depth_ = 0;
  std::array<std::uint64_t, NestedArray::levels_max> counts_{};
};

LineHandler::Field LineHandler::field_of(std::string_view key) {
  struct Known {
    std::string_view key;
    Field field;
  };
  static constexpr std::array known{
      Known{"prophet_trace", Field::integer},
      Known{"layers", Field::integer},
      Known{"top_k", Field::integer},
      Known{"first_layer_id", Field::integer},
      Known{"layer_stride", Field::integer},
      Known{"sequence", Field::integer},
      Known{"position", Field::integer},
      Known{"flags", Field::integer},
      Known{"prefill", Field::truth},
      Known{"synthetic", Field::truth},
      Known{"model", Field::text},
      Known{"source", Field::text},
      Known{"licence", Field::text},
      Known{"note", Field::text},
      Known{"experts", Field::ids},
      Known{"routed_experts", Field::request_ids},
      Known{"weights", Field::weights},
  };
  for (const Known& entry : known) {
    if (entry.key == key) return entry.field;
  }
  return Field::unknown;
}

std::string_view LineHandler::expected_type() const {
  switch (field_) {
    case Field::integer:
      return "an integer of 0 or more";
    case Field::truth:
      return "true or false";
    case Field::text:
      return "a string";
    case Field::ids:
      return "[[expert ids of a layer], ...], integers of 0 or more";
    case Field::request_ids:
      return "[[[expert ids of a layer], ...], ...], integers of 0 or more";
    case Field::weights:
      return "[[weights of a layer], ...], finite numbers";
    case Field::unknown:
      break;
  }
  return "anything";
}

NestedArray* LineHandler::array_of_field() {
  if (field_ == Field::ids) return &line_.experts;
  if (field_ == Field::request_ids) return &line_.routed_experts;
  return field_ == Field::weights ? &line_.weights : nullptr;
}

std::uint32_t LineHandler::bounded(std::uint64_t value, std::uint64_t most) const {
  if (value > most) wrong(fmt::format("field '{}' is {}, expected at most {}", key_, value, most));
  return static_cast<std::uint32_t>(value);
}

void LineHandler::set_integer(std::uint64_t value) {
  constexpr std::uint64_t u32_max = std::numeric_limits<std::uint32_t>::max();
  if (key_ == "prophet_trace") {
    if (value != format_version)
      wrong(fmt::format("field 'prophet_trace' is {}, expected {}", value, format_version));
    line_.is_header = true;
    line_.header.present = true;
  } else if (key_ == "layers") {
    line_.header.layers = bounded(value, limits::layers_max);
  } else if (key_ == "experts") {
    line_.header.experts = bounded(value, limits::experts_per_layer_max);
  } else if (key_ == "top_k") {
    line_.header.top_k = bounded(value, limits::top_k_max);
  } else if (key_ == "first_layer_id") {
    line_.header.first_layer_id = bounded(value, u32_max);
  } else if (key_ == "layer_stride") {
    line_.header.layer_stride = bounded(value, u32_max);
  } else if (key_ == "sequence") {
    line_.sequence = bounded(value, limits::sequences_max - 1);
  } else if (key_ == "position") {
    line_.position = bounded(value, u32_max - 1);
  } else {
    line_.flags = bounded(value, u32_max);
  }
}

void LineHandler::count_item() {
  if (array_depth_ != levels()) wrong_type(fmt::format("nested {} deep", array_depth_), expected_type());
  ++counts_[array_depth_ - 1];
}

bool LineHandler::take_id(std::uint64_t value) {
  if (!in_array()) return false;
  count_item();
  if (value >= limits::experts_per_layer_max) {
    wrong(fmt::format("field '{}' has expert id {}, expected 0 to {}", key_, value,
                      limits::experts_per_layer_max - 1));
  }
  line_.ids.push_back(static_cast<std::uint32_t>(value));
  return true;
}

bool LineHandler::take_weight(double value) {
  if (!in_array()) return false;
  count_item();
  if (std::abs(value) > static_cast<double>(std::numeric_limits<float>::max())) return false;
  line_.weight_values.push_back(static_cast<float>(value));
  return true;
}

bool LineHandler::boolean(bool value) {
  return scalar(value ? "true" : "false", [&](std::string_view key) {
    if (field_ != Field::truth) return false;
    (key == "prefill" ? line_.prefill : line_.header.provenance.synthetic) = value;
    return true;
  });
}

bool LineHandler::number_integer(number_integer_t value) {
  return scalar(fmt::format("{}", value), [&](std::string_view) {
    if (in_array() && field_ != Field::weights) {
      wrong(fmt::format("field '{}' has expert id {}, as padding has it; expected 0 or more", key_, value));
    }
    return field_ == Field::weights && take_weight(static_cast<double>(value));
  });
}

bool LineHandler::number_unsigned(number_unsigned_t value) {
  if (depth_ == 1 && skip_depth_ == 0) {
    if (field_ == Field::ids || field_ == Field::request_ids) {
      if (in_array()) return take_id(value);
      if (field_ == Field::ids) {
        set_integer(value);  // the header's number of experts
        return true;
      }
    }
    if (field_ == Field::weights && in_array()) return take_weight(static_cast<double>(value));
  }
  return scalar(fmt::format("{}", value), [&](std::string_view) {
    if (field_ != Field::integer) return false;
    set_integer(value);
    return true;
  });
}

bool LineHandler::number_float(number_float_t value, const string_t& text) {
  return scalar(text.substr(0, 32),
                [&](std::string_view) { return field_ == Field::weights && take_weight(value); });
}

bool LineHandler::string(string_t& value) {
  return scalar("a string", [&](std::string_view key) {
    if (field_ != Field::text) return false;
    TraceProvenance& provenance = line_.header.provenance;
    std::string& to = key == "model"     ? provenance.model
                      : key == "source"  ? provenance.source
                      : key == "licence" ? provenance.licence
                                         : provenance.note;
    to = value;
    return true;
  });
}

bool LineHandler::start_object(std::size_t) {
  if (depth_ == 0) {
    depth_ = 1;
    return true;
  }
  if (skip_depth_ == 0 && field_ != Field::unknown) wrong_type("an object", expected_type());
  if (++skip_depth_ > limits::json_depth_max)
    wrong(fmt::format("nests deeper than {} levels", limits::json_depth_max));
  return true;
}

bool LineHandler::end_object() {
  skip_depth_ > 0 ? --skip_depth_ : --depth_;
  return true;
}

bool LineHandler::key(string_t& value) {
  if (skip_depth_ > 0) return true;
  key_ = value;
  field_ = field_of(key_);
  if (const NestedArray* array = array_of_field(); array != nullptr && array->present) {
    wrong(fmt::format("field '{}' stands twice, expected it once", key_));
  }
  return true;
}

bool LineHandler::start_array(std::size_t) {
  if (depth_ == 0) wrong("is an array, expected an object in braces");
  if (skip_depth_ > 0 || field_ == Field::unknown) {
    if (++skip_depth_ > limits::json_depth_max)
      wrong(fmt::format("nests deeper than {} levels", limits::json_depth_max));
    return true;
  }
  NestedArray* array = array_of_field();
  if (array == nullptr || array_depth_ == levels()) {
    wrong_type(array == nullptr ? "an array" : fmt::format("nested deeper than {}", levels()),
               expected_type());
  }
  array->present = true;
  if (array_depth_ > 0) ++counts_[array_depth_ - 1];
  counts_[array_depth_++] = 0;
  return true;
}

bool LineHandler::end_array() {
  if (skip_depth_ > 0) {
    --skip_depth_;
    return true;
  }
  static constexpr std::array<std::string_view, NestedArray::levels_max> units{"tokens", "layers", "experts"};
  --array_depth_;
  auto& extent = array_of_field()->extents[array_depth_];
  const std::uint64_t count = counts_[array_depth_];
  if (extent && *extent != count) {
    wrong(fmt::format("field '{}' has {} {} in one place and {} in another; expected as many everywhere",
                      key_, *extent, units[array_depth_ + NestedArray::levels_max - levels()], count));
  }
  extent = count;
  return true;
}

bool LineHandler::parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
  wrong(fmt::format("byte {} is no JSON; expected one complete object", position));
}

}  // namespace

void parse_json_line(std::string_view text, std::string_view name, JsonLine& line) {
  JsonLine fresh;
  fresh.ids = std::move(line.ids);
  fresh.weight_values = std::move(line.weight_values);
  fresh.ids.clear();
  fresh.weight_values.clear();
  line = std::move(fresh);
  LineHandler handler(name, line);
  if (!nlohmann::json::sax_parse(text, &handler)) refuse(name, "is no complete JSON object; expected one");
}

std::string trace_header_json(const RoutingTrace& trace) {
  const TraceShape& shape = trace.shape();
  const TraceProvenance& provenance = trace.provenance();
  const nlohmann::ordered_json header{{"prophet_trace", format_version},
                                      {"model", provenance.model},
                                      {"source", provenance.source},
                                      {"licence", provenance.licence},
                                      {"note", provenance.note},
                                      {"synthetic", provenance.synthetic},
                                      {"layers", shape.grid.layers},
                                      {"experts", shape.grid.experts},
                                      {"top_k", shape.top_k},
                                      {"first_layer_id", shape.first_layer_id},
                                      {"layer_stride", shape.layer_stride}};
  return header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace prophet
