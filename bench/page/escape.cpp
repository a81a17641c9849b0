#include "bench/page/escape.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace prophet::page {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

bool is_alphanumeric(std::string_view text, std::size_t at) {
  return at < text.size() && std::isalnum(static_cast<unsigned char>(text[at])) != 0;
}

/// An underscore between letters or digits is no emphasis.
bool is_inside_a_word(std::string_view text, std::size_t at) {
  return at > 0 && is_alphanumeric(text, at - 1) && is_alphanumeric(text, at + 1);
}

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
}

void append_html(std::string& to, char c) {
  switch (c) {
    case '&':
      to += "&amp;";
      return;
    case '<':
      to += "&lt;";
      return;
    case '>':
      to += "&gt;";
      return;
    case '"':
      to += "&quot;";
      return;
    case '\'':
      to += "&#39;";
      return;
    default:
      is_control(c) ? to += replacement : to += c;
  }
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  const nlohmann::json whole = std::string(text);
  return nlohmann::json::parse(whole.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
      .get<std::string>();
}

std::string html_escape(std::string_view text) {
  std::string escaped;
  for (const char c : valid_utf8(text)) append_html(escaped, c);
  return escaped;
}

std::string markdown_escape(std::string_view text) {
  constexpr std::string_view markup = "\\`*[]|~#$!";
  const std::string valid = valid_utf8(text);
  std::string escaped;
  for (std::size_t at = 0; at < valid.size(); ++at) {
    const char c = valid[at];
    if (c == '\n' || c == '\r' || c == '\t') {
      escaped += ' ';
    } else if (c == '&' || c == '<' || c == '>') {
      append_html(escaped, c);
    } else if (is_control(c)) {
      escaped += replacement;
    } else {
      if (markup.find(c) != markup.npos || (c == '_' && !is_inside_a_word(valid, at))) escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i) text += i <= group.size() ? digits[bits >> (18 - 6 * i) & 63U] : '=';
  }
  return text;
}

std::string data_uri(std::string_view media_type, std::string_view bytes) {
  return fmt::format("data:{};base64,{}", media_type, base64(bytes));
}

std::string uri_path(std::string_view path) {
  constexpr std::string_view plain = "-._~/";
  std::string text;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (is_alphanumeric(path, at) || plain.find(path[at]) != plain.npos) {
      text += path[at];
    } else {
      text += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(path[at])));
    }
  }
  return text;
}

}  // namespace prophet::page
