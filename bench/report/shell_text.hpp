#pragma once

#include <span>
#include <string>

namespace prophet {

/// Words as a shell takes them: those that need quotes have them.
[[nodiscard]] std::string shell_text(std::span<const std::string> words);

}  // namespace prophet
