#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace prophet {

enum class JsonKind : std::uint8_t { null, boolean, number, text, object, array };

/// "an object", "a text", ...
[[nodiscard]] std::string_view json_kind_phrase(JsonKind kind) noexcept;

/// What a JSON text holds, in its order, without building it: for texts too large to be kept. A view given to
/// a call ends with the call. A call may throw; the text is then read no further.
class JsonEvents {
 public:
  virtual ~JsonEvents() = default;
  virtual void key(std::string_view name) = 0;
  /// An object or an array begins. False: what is inside and its end are not of interest.
  [[nodiscard]] virtual bool begin(JsonKind kind) = 0;
  virtual void end() = 0;
  /// A number written without sign, fraction and exponent that fits 64 bits.
  virtual void whole_number(std::uint64_t value) = 0;
  virtual void text(std::string_view value) = 0;
  /// null, a boolean, or any other number.
  virtual void other(JsonKind kind) = 0;
};

struct JsonBounds {
  std::uint32_t depth_max = 0;         ///< objects and arrays inside one another
  std::uint64_t string_bytes_max = 0;  ///< of one text or key as written
};

/// Reads the one JSON value that `text` holds, white space around it allowed. The language is RFC 8259 in
/// UTF-8, strictly: no byte order mark, no control characters in texts, no half of a surrogate pair, no
/// numbers beyond a double. Allocates a small multiple of bounds.string_bytes_max, whatever the text. Throws
/// Error{bad_input} whose sentence begins with `what`, a phrase such as "'model.safetensors': header".
void read_json_events(std::string_view text, const JsonBounds& bounds, const std::string& what,
                      JsonEvents& events);

/// `name` as a JSON text in ASCII, cut to what fits a sentence.
[[nodiscard]] std::string quoted_name(std::string_view name);

}  // namespace prophet
