#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "prophet/expert_grid.hpp"

namespace prophet {

/// How many experts of a layer a forecast names, from `text`: a number from 1 on, or "all"; at most all that
/// a layer has. Throws Error{usage} for anything else.
[[nodiscard]] std::uint32_t parse_coverage(const std::string& text, const ExpertGrid& grid);

/// The same where nothing may be said: 0 for an empty text.
[[nodiscard]] std::uint32_t coverage_or_default(const std::string& text, const ExpertGrid& grid);

/// Adds --coverage, under its older name too, to a command that prefetches; `text` stays empty without it.
void add_coverage_option(CLI::App& command, std::string& text);

}  // namespace prophet
