#pragma once

#include <string_view>

namespace prophet {

/// What every result says about the program that made it.
struct Version {
  std::string_view version;     ///< of the project, such as "0.1.0"
  std::string_view git_commit;  ///< 12 hex digits, or "unknown" outside a git checkout
  bool git_dirty;               ///< tracked files differed from the commit when the program was built
};

[[nodiscard]] Version program_version() noexcept;

}  // namespace prophet
