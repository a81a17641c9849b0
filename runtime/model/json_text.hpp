#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace prophet {

/// The bytes of a regular file of at most `bytes_max` bytes. Throws Error{bad_input}.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path, std::uint64_t bytes_max);

/// Parses one JSON object. Size, nesting and number of values are bounded before anything is built, so that
/// the parsed form costs a small multiple of the limits; of duplicate keys the last one counts, as Python has
/// it. Throws Error{bad_input} with line and column.
[[nodiscard]] nlohmann::json parse_json_object(std::string_view text, std::string_view where,
                                               std::uint64_t bytes_max);

}  // namespace prophet
