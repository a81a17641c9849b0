#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace prophet {

/// A vocabulary of so many tokens is that of bytes.
inline constexpr std::uint32_t byte_vocabulary_tokens = 256;

/// The bytes of a file. Throws Error{bad_input} when it cannot be read or has more than `bytes_max`.
[[nodiscard]] std::string read_bytes(const std::string& path, std::uint64_t bytes_max);

/// The file's bytes as tokens, the first `tokens_max` of them. Throws Error{bad_input} when it cannot be
/// read.
[[nodiscard]] std::vector<std::uint32_t> read_byte_tokens(const std::string& path, std::uint64_t tokens_max);

/// The file's ids, decimal numbers with blanks or line ends between them, the first `tokens_max` of them.
/// Throws Error{bad_input} when it cannot be read, or for the first that is no number below `vocab`, naming
/// it.
[[nodiscard]] std::vector<std::uint32_t> read_token_ids(const std::string& path, std::uint64_t tokens_max,
                                                        std::uint32_t vocab);

/// The tokens of a text, the first `tokens_max` of them: of `text_path`, whose bytes are the tokens, or where
/// that is empty of `ids_path`. Throws Error{usage} for a text of a model whose `vocab` is not that of bytes,
/// and as the two above.
[[nodiscard]] std::vector<std::uint32_t> read_text_tokens(const std::string& text_path,
                                                          const std::string& ids_path,
                                                          const std::string& model, std::uint32_t vocab,
                                                          std::uint64_t tokens_max);

}  // namespace prophet
