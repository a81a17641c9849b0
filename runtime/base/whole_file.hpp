#pragma once

#include <string>
#include <string_view>

namespace prophet {

/// True for what a write may not replace: a device such as /dev/null, a pipe, a link. A path at which nothing
/// stands, and a regular file, may be.
[[nodiscard]] bool is_written_through(const std::string& path);

/// Writes `text` to `path` as a whole or not at all: to PATH.partial, which takes the name at the end. What
/// is_written_through says is opened and written instead. Returns false, with nothing left behind, when it
/// cannot.
[[nodiscard]] bool write_whole_file(const std::string& path, std::string_view text);

}  // namespace prophet
