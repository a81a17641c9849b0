#include "runtime/engine/miss_way.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "prophet/error.hpp"

namespace prophet {
namespace {

constexpr std::array modes{MissMode::copy, MissMode::host, MissMode::in_place, MissMode::automatic};

}  // namespace

std::string_view miss_mode_name(MissMode mode) noexcept {
  switch (mode) {
    case MissMode::copy:
      return "copy";
    case MissMode::host:
      return "host";
    case MissMode::in_place:
      return "in-place";
    case MissMode::automatic:
      return "auto";
  }
  return "unknown";
}

std::vector<std::string> miss_mode_names() {
  std::vector<std::string> names;
  for (const MissMode mode : modes) names.emplace_back(miss_mode_name(mode));
  return names;
}

MissMode parse_miss_mode(std::string_view name) {
  for (const MissMode mode : modes) {
    if (miss_mode_name(mode) == name) return mode;
  }
  throw Error(ErrorCode::usage,
              fmt::format("--miss {}: expected one of {}", name, fmt::join(miss_mode_names(), ", ")));
}

}  // namespace prophet
