#include "bench/commands/token_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "prophet/error.hpp"

namespace prophet {
namespace {

constexpr std::size_t piece_bytes = 1U << 16;
/// Longer than any number that a token's id may be.
constexpr std::size_t word_characters_max = 32;

/// Calls `take` for each byte until it returns false.
template <class Take>
void for_each_byte(const std::string& path, const Take& take) {
  std::ifstream file(path, std::ios::binary);
  std::error_code ignored;
  std::string piece(piece_bytes, '\0');
  while (file.good() && !std::filesystem::is_directory(path, ignored)) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    for (std::streamsize i = 0; i < file.gcount(); ++i) {
      if (!take(piece[static_cast<std::size_t>(i)])) return;
    }
  }
  if (file.eof()) return;
  throw Error(ErrorCode::bad_input, fmt::format("{}: cannot be read, expected a file", path));
}

bool is_blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

std::uint32_t parse_id(const std::string& path, const std::string& word, std::size_t index,
                       std::uint32_t vocab) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
  if (error == std::errc{} && end == word.data() + word.size() && id < vocab) return id;
  throw Error(ErrorCode::bad_input,
              fmt::format("{}: token {} is '{}', expected a number below {}, the vocabulary", path, index,
                          word, vocab));
}

}  // namespace

std::string read_bytes(const std::string& path, std::uint64_t bytes_max) {
  std::string bytes;
  for_each_byte(path, [&](char c) {
    bytes.push_back(c);
    return bytes.size() <= bytes_max;
  });
  if (bytes.size() <= bytes_max) return bytes;
  throw Error(ErrorCode::bad_input,
              fmt::format("{}: has more than {} bytes, expected a shorter file", path, bytes_max));
}

std::vector<std::uint32_t> read_byte_tokens(const std::string& path, std::uint64_t tokens_max) {
  std::vector<std::uint32_t> tokens;
  for_each_byte(path, [&](char c) {
    tokens.push_back(static_cast<unsigned char>(c));
    return tokens.size() < tokens_max;
  });
  return tokens;
}

std::vector<std::uint32_t> read_token_ids(const std::string& path, std::uint64_t tokens_max,
                                          std::uint32_t vocab) {
  std::vector<std::uint32_t> tokens;
  std::string word;
  const auto end_word = [&] {
    if (word.empty()) return;
    tokens.push_back(parse_id(path, word, tokens.size(), vocab));
    word.clear();
  };
  for_each_byte(path, [&](char c) {
    if (is_blank(c)) {
      end_word();
    } else {
      word.push_back(c);
      if (word.size() > word_characters_max) end_word();
    }
    return tokens.size() < tokens_max;
  });
  if (tokens.size() < tokens_max) end_word();
  return tokens;
}

std::vector<std::uint32_t> read_text_tokens(const std::string& text_path, const std::string& ids_path,
                                            const std::string& model, std::uint32_t vocab,
                                            std::uint64_t tokens_max) {
  if (text_path.empty()) return read_token_ids(ids_path, tokens_max, vocab);
  if (vocab == byte_vocabulary_tokens) return read_byte_tokens(text_path, tokens_max);
  throw Error(ErrorCode::usage,
              fmt::format("--text {}: the {} tokens of {} are not bytes, and Prophet has no other tokeniser: "
                          "expected --ids with a file of the text's token ids",
                          text_path, vocab, model));
}

}  // namespace prophet
