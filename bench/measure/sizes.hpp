#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace prophet::measure {

/// "4KiB", "16MiB", "1GiB", or bytes without a unit; case does not matter. Throws Error{usage} that names
/// `option` unless it is a whole number of bytes between `min_bytes` and `max_bytes`.
[[nodiscard]] std::uint64_t parse_size(std::string_view text, std::string_view option,
                                       std::uint64_t min_bytes, std::uint64_t max_bytes);

/// The largest unit that divides it: "16 MiB", "1000 B".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// first, first * step, ... up to `last`. REQUIRES: first and step at least 1 and 2.
[[nodiscard]] std::vector<std::uint64_t> size_ladder(std::uint64_t first, std::uint64_t last,
                                                     std::uint64_t step);

}  // namespace prophet::measure
