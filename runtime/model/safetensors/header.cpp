#include "runtime/model/safetensors/header.hpp"

#include <fmt/format.h>

#include <array>
#include <bitset>
#include <utility>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/model/json_events.hpp"

namespace prophet {
namespace {

/// Deeper ones the `safetensors` package refuses too, even inside of fields that it skips.
constexpr std::uint32_t header_depth_max = 127;
constexpr std::string_view metadata_key = "__metadata__";

/// What stands at the place that the reader has come to.
enum class Place : std::uint8_t {
  header,         ///< the whole
  name,           ///< a tensor's name or the end
  metadata,       ///< the object of texts
  metadata_text,  ///< one of its texts
  tensor,         ///< a tensor's object
  field,          ///< a field's name or the end
  dtype,
  shape,
  dimension,
  offsets,
  offset,
  unknown,  ///< the value of a field that the format does not know
};

class HeaderEvents : public JsonEvents {
 public:
  explicit HeaderEvents(const std::string& where) : where_(where) {}

  void key(std::string_view name) override;
  bool begin(JsonKind kind) override;
  void end() override;
  void whole_number(std::uint64_t value) override;
  void text(std::string_view value) override;
  void other(JsonKind kind) override;

  [[nodiscard]] std::vector<TensorEntry> take() { return std::move(entries_); }

 private:
  enum Field : std::uint8_t { dtype_field, shape_field, offsets_field, fields };

  [[noreturn]] void refuse(std::string_view why) const;
  [[noreturn]] void refuse_kind(JsonKind kind) const;
  void begin_entry(std::string_view name);
  void begin_field(std::string_view name);
  void mark(Field field, std::string_view name);
  void end_entry();

  const std::string& where_;
  std::vector<TensorEntry> entries_;
  TensorEntry entry_;
  std::vector<std::uint64_t> numbers_;  ///< of the shape or the offsets that are being read
  std::bitset<fields> seen_;
  Place place_ = Place::header;
  bool in_tensor_ = false;
  bool metadata_seen_ = false;
};

void HeaderEvents::refuse(std::string_view why) const {
  const auto subject = in_tensor_ ? "tensor " + quoted_name(entry_.name) : std::string("header");
  throw Error(ErrorCode::bad_input, fmt::format("'{}': {} {}", where_, subject, why));
}

std::string_view expected_at(Place place) {
  switch (place) {
    case Place::header:
      return "is {}; expected an object of tensors";
    case Place::metadata:
      return "has {} as __metadata__; expected an object of texts";
    case Place::metadata_text:
      return "has {} in __metadata__; expected texts only";
    case Place::tensor:
      return "is {}; expected an object with dtype, shape and data_offsets";
    case Place::dtype:
      return "has {} as dtype; expected a text such as \"BF16\"";
    case Place::shape:
      return "has {} as shape; expected an array of whole numbers";
    case Place::dimension:
      return "has {} in its shape; expected whole numbers below 2^64";
    case Place::offsets:
      return "has {} as data_offsets; expected an array of two whole numbers";
    case Place::offset:
      return "has {} in its data_offsets; expected two whole numbers below 2^64";
    default:
      return "holds {} out of place";
  }
}

void HeaderEvents::refuse_kind(JsonKind kind) const {
  refuse(fmt::format(fmt::runtime(expected_at(place_)), json_kind_phrase(kind)));
}

void HeaderEvents::key(std::string_view name) {
  if (place_ == Place::name)
    begin_entry(name);
  else if (place_ == Place::field)
    begin_field(name);
}

void HeaderEvents::begin_entry(std::string_view name) {
  if (name == metadata_key) {
    if (std::exchange(metadata_seen_, true)) refuse("holds __metadata__ twice; expected it once");
    place_ = Place::metadata;
    return;
  }
  if (entries_.size() >= limits::tensors_max) {
    refuse(fmt::format("holds more than {} tensors; expected fewer", limits::tensors_max));
  }
  entry_ = TensorEntry{};
  entry_.name = std::string(name);
  seen_.reset();
  in_tensor_ = true;
  place_ = Place::tensor;
}

void HeaderEvents::begin_field(std::string_view name) {
  if (name == "dtype") {
    mark(dtype_field, name);
    place_ = Place::dtype;
  } else if (name == "shape") {
    mark(shape_field, name);
    place_ = Place::shape;
  } else if (name == "data_offsets") {
    mark(offsets_field, name);
    place_ = Place::offsets;
  } else {
    place_ = Place::unknown;
  }
}

void HeaderEvents::mark(Field field, std::string_view name) {
  if (seen_.test(field)) refuse(fmt::format("has the field {} twice; expected it once", name));
  seen_.set(field);
}

bool HeaderEvents::begin(JsonKind kind) {
  const bool object = kind == JsonKind::object;
  if (place_ == Place::unknown) {
    place_ = Place::field;
    return false;
  }
  numbers_.clear();
  if (object && place_ == Place::header)
    place_ = Place::name;
  else if (object && place_ == Place::metadata)
    place_ = Place::metadata_text;
  else if (object && place_ == Place::tensor)
    place_ = Place::field;
  else if (!object && place_ == Place::shape)
    place_ = Place::dimension;
  else if (!object && place_ == Place::offsets)
    place_ = Place::offset;
  else
    refuse_kind(kind);
  return true;
}

void HeaderEvents::end() {
  if (place_ == Place::dimension) {
    entry_.shape = std::vector<std::uint64_t>(numbers_.begin(), numbers_.end());
    place_ = Place::field;
  } else if (place_ == Place::offset) {
    if (numbers_.size() != 2) refuse(fmt::format("has {} data_offsets; expected 2", numbers_.size()));
    entry_.begin = numbers_[0];
    entry_.end = numbers_[1];
    place_ = Place::field;
  } else if (place_ == Place::field) {
    end_entry();
  } else {
    place_ = Place::name;  // the end of __metadata__, or of the header, behind which nothing comes
  }
}

void HeaderEvents::end_entry() {
  constexpr std::array<std::string_view, fields> names{"dtype", "shape", "data_offsets"};
  for (std::size_t field = 0; field < fields; ++field) {
    if (!seen_.test(field)) refuse(fmt::format("has no field {}; expected one", names[field]));
  }
  entries_.push_back(std::move(entry_));
  in_tensor_ = false;
  place_ = Place::name;
}

void HeaderEvents::whole_number(std::uint64_t value) {
  if (place_ == Place::unknown) {
    place_ = Place::field;
    return;
  }
  if (place_ != Place::dimension && place_ != Place::offset) refuse_kind(JsonKind::number);
  if (place_ == Place::dimension && numbers_.size() >= limits::tensor_dimensions_max) {
    refuse(fmt::format("has more than {} dimensions; expected fewer", limits::tensor_dimensions_max));
  }
  if (place_ == Place::offset && numbers_.size() >= 2) refuse("has more than 2 data_offsets; expected 2");
  numbers_.push_back(value);
}

void HeaderEvents::text(std::string_view value) {
  if (place_ == Place::metadata_text) return;
  if (place_ == Place::dtype) {
    const auto dtype = parse_tensor_dtype(value);
    if (!dtype)
      refuse(fmt::format("has the dtype {}; expected one of the format's, such as BF16", quoted_name(value)));
    entry_.dtype = *dtype;
  } else if (place_ != Place::unknown) {
    refuse_kind(JsonKind::text);
  }
  place_ = Place::field;
}

void HeaderEvents::other(JsonKind kind) {
  if (place_ == Place::metadata && kind == JsonKind::null) {
    place_ = Place::name;
  } else if (place_ == Place::unknown) {
    place_ = Place::field;
  } else {
    refuse_kind(kind);
  }
}

}  // namespace

std::vector<TensorEntry> parse_safetensors_header(std::string_view json, const std::string& where) {
  HeaderEvents events(where);
  read_json_events(json, {header_depth_max, limits::header_string_bytes_max},
                   fmt::format("'{}': header", where), events);
  return events.take();
}

}  // namespace prophet
