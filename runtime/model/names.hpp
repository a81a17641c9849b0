#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace prophet {

/// ASCII lower case.
[[nodiscard]] std::string lower_case(std::string_view text);

/// Those of `known` that a mistyped `name` may have meant, nearest first; all of them when none is near.
[[nodiscard]] std::vector<std::string> near_names(std::string_view name,
                                                  const std::vector<std::string>& known);

/// True when `text` cannot be a mere name: it has a folder separator or ends in ".json".
[[nodiscard]] bool looks_like_path(std::string_view text);

}  // namespace prophet
