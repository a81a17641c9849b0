#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prophet::ptx {

struct Token {
  enum class Kind : std::uint8_t { word, integer, f32, f64, text, mark, end };

  Kind kind = Kind::end;
  std::string text;         ///< of a word (with its dots), of a quoted text, or the one character of a mark
  std::uint64_t value = 0;  ///< of a number: an integer, or the bits of a float
  int line = 0;
};

/// The text without comments as tokens, closed by one of kind `end`. Throws Error at what is no PTX.
[[nodiscard]] std::vector<Token> read_tokens(std::string_view text);

}  // namespace prophet::ptx
