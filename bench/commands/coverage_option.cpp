#include "bench/commands/coverage_option.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "prophet/error.hpp"

namespace prophet {

std::uint32_t parse_coverage(const std::string& text, const ExpertGrid& grid) {
  if (text == "all") return grid.experts;
  std::uint32_t named = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), named);
  if (error != std::errc{} || end != text.data() + text.size() || named == 0) {
    throw Error(ErrorCode::usage,
                fmt::format("--coverage {}: expected a number of experts from 1 on, or all", text));
  }
  return std::min(named, grid.experts);
}

std::uint32_t coverage_or_default(const std::string& text, const ExpertGrid& grid) {
  return text.empty() ? 0 : parse_coverage(text, grid);
}

void add_coverage_option(CLI::App& command, std::string& text) {
  command.add_option("--coverage,--prefetch-width", text,
                     "Experts of a layer that a forecast names, the most probable first: a number or all; "
                     "default: top-k x batch, of them those above 10 % where all that is named is copied");
}

}  // namespace prophet
