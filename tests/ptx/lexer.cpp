#include "tests/ptx/lexer.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

#include "tests/ptx/types.hpp"

namespace prophet::ptx {
namespace {

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> read() {
    std::vector<Token> tokens;
    for (skip_blank(); at_ < text_.size(); skip_blank()) tokens.push_back(next());
    tokens.push_back({.kind = Token::Kind::end, .text = "the end", .line = line_});
    return tokens;
  }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void skip_blank() {
    while (at_ < text_.size()) {
      if (peek() == '/' && peek(1) == '/') {
        while (at_ < text_.size() && peek() != '\n') ++at_;
      } else if (peek() == '/' && peek(1) == '*') {
        skip_block_comment();
      } else if (std::isspace(static_cast<unsigned char>(peek())) != 0) {
        if (peek() == '\n') ++line_;
        ++at_;
      } else {
        return;
      }
    }
  }

  void skip_block_comment() {
    while (at_ < text_.size() && !(peek() == '*' && peek(1) == '/')) {
      if (peek() == '\n') ++line_;
      ++at_;
    }
    at_ += 2;
  }

  static bool begins_word(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || c == '%' || c == '.';
  }
  static bool continues_word(char c) {
    return begins_word(c) || std::isdigit(static_cast<unsigned char>(c)) != 0;
  }

  Token next() {
    const char c = peek();
    if (begins_word(c)) return word();
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) return number();
    if (c == '"') return quoted();
    if (std::string_view("{}()[];:,@!|+-<>=*").find(c) == std::string_view::npos) {
      throw Error(fmt::format("line {}: found '{}', which begins nothing in PTX", line_, c));
    }
    ++at_;
    return {.kind = Token::Kind::mark, .text = std::string(1, c), .line = line_};
  }

  Token word() {
    const std::size_t begin = at_;
    while (continues_word(peek()) || (peek() == ':' && peek(1) == ':')) at_ += peek() == ':' ? 2 : 1;
    return {.kind = Token::Kind::word, .text = std::string(text_.substr(begin, at_ - begin)), .line = line_};
  }

  Token quoted() {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && peek() != '"') ++at_;
    Token token{
        .kind = Token::Kind::text, .text = std::string(text_.substr(begin, at_ - begin)), .line = line_};
    ++at_;
    return token;
  }

  Token number() {
    const char mark = static_cast<char>(std::tolower(static_cast<unsigned char>(peek(1))));
    if (peek() == '0' && (mark == 'f' || mark == 'd')) {
      at_ += 2;
      return digits(mark == 'f' ? Token::Kind::f32 : Token::Kind::f64, 16);
    }
    if (peek() == '0' && mark == 'x') {
      at_ += 2;
      return digits(Token::Kind::integer, 16);
    }
    const bool octal = peek() == '0' && std::isdigit(static_cast<unsigned char>(mark)) != 0;
    return digits(Token::Kind::integer, octal ? 8 : 10);
  }

  Token digits(Token::Kind kind, int base) {
    Token token{.kind = kind, .text = "a number", .line = line_};
    const char* begin = text_.data() + at_;
    const auto [end, status] = std::from_chars(begin, text_.data() + text_.size(), token.value, base);
    if (status != std::errc{}) throw Error(fmt::format("line {}: expected a number", line_));
    at_ += static_cast<std::size_t>(end - begin);
    if (peek() == 'U') ++at_;
    if (peek() == '.') return decimal(static_cast<std::size_t>(begin - text_.data()));
    return token;
  }

  /// A version, "9.0": a word, so that no operand can be one.
  Token decimal(std::size_t begin) {
    do {
      ++at_;
    } while (std::isdigit(static_cast<unsigned char>(peek())) != 0);
    return {.kind = Token::Kind::word, .text = std::string(text_.substr(begin, at_ - begin)), .line = line_};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<Token> read_tokens(std::string_view text) {
  return Lexer(text).read();
}

}  // namespace prophet::ptx
