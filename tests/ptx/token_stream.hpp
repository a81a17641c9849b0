#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/ptx/lexer.hpp"
#include "tests/ptx/types.hpp"

namespace prophet::ptx {

/// Tokens read from front to back. Every failed expectation is an Error with the line.
class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  [[nodiscard]] const Token& peek(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  [[nodiscard]] bool is_next(std::string_view text) const {
    return (peek().kind == Token::Kind::mark || peek().kind == Token::Kind::word) && peek().text == text;
  }
  [[nodiscard]] bool at_end() const { return peek().kind == Token::Kind::end; }
  [[nodiscard]] int line() const { return peek().line; }

  Token take() {
    const Token token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool take_if(std::string_view text) {
    const bool found = is_next(text);
    if (found) take();
    return found;
  }
  void expect(std::string_view text) {
    if (!take_if(text)) fail(fmt::format("'{}'", text));
  }
  std::string word(std::string_view what) {
    if (peek().kind != Token::Kind::word) fail(what);
    return take().text;
  }
  std::uint64_t integer() {
    const bool negative = take_if("-");
    if (peek().kind != Token::Kind::integer) fail("an integer");
    const std::uint64_t value = take().value;
    return negative ? 0 - value : value;
  }
  /// ".u32" and the like.
  Type type() {
    const Token token = take();
    const auto type =
        token.text.starts_with('.') ? type_named(std::string_view(token.text).substr(1)) : std::nullopt;
    if (!type)
      throw Error(fmt::format("line {}: '{}' is unsupported: expected a type", token.line, token.text));
    return *type;
  }
  [[noreturn]] void fail(std::string_view expected) const {
    throw Error(fmt::format("line {}: found '{}', expected {}", line(), peek().text, expected));
  }

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

}  // namespace prophet::ptx
