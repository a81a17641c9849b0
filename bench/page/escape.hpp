#pragma once

#include <string>
#include <string_view>

namespace prophet::page {

/// The text with every byte that is no part of valid UTF-8 replaced by U+FFFD, as for file names.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// Valid UTF-8 for the content of an HTML element or a quoted attribute: & < > " ' as references, control
/// characters other than tab and line ends as U+FFFD.
[[nodiscard]] std::string html_escape(std::string_view text);

/// Valid UTF-8 for a line of GitHub-flavoured Markdown, also inside of a table: what could be markup or HTML
/// has a backslash before it or is a reference; line ends are blanks.
[[nodiscard]] std::string markdown_escape(std::string_view text);

/// Base64 as RFC 4648 has it, with padding.
[[nodiscard]] std::string base64(std::string_view bytes);

/// "data:TYPE;base64,...".
[[nodiscard]] std::string data_uri(std::string_view media_type, std::string_view bytes);

/// A path as a URI reference: bytes other than letters, digits and -._~/ as %XX.
[[nodiscard]] std::string uri_path(std::string_view path);

}  // namespace prophet::page
