#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace prophet::ledger {

/// What a mistyped word may have meant, case aside, nearest first and a few at most: "C001, C010".
[[nodiscard]] std::string near_words(std::string_view word, const std::vector<std::string>& known);

}  // namespace prophet::ledger
