#pragma once

#include <string_view>

namespace prophet {

/// Log and progress go to stderr; stdout carries results only. Thread-safe.
void log_info(std::string_view message);
void log_warning(std::string_view message);

/// Hides everything below warnings when `quiet` is true.
void set_quiet(bool quiet);

}  // namespace prophet
