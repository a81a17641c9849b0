#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace prophet {

/// What routers of coming layers say of one layer's input. A view; empty where none were asked.
struct LogitsAhead {
  std::span<const float> values;  ///< [routers, tokens, experts]
  std::uint32_t first = 1;        ///< how many layers ahead the first router stands; 0 is the layer's own
  std::uint32_t tokens = 0;
  std::uint32_t experts = 0;

  /// [experts] of the router that stands `ahead` layers ahead; empty where it was not asked.
  [[nodiscard]] std::span<const float> row(std::uint32_t ahead, std::size_t token) const noexcept {
    if (ahead < first) return {};
    const std::size_t at = (std::size_t{ahead - first} * tokens + token) * experts;
    return at < values.size() ? values.subspan(at, experts) : std::span<const float>{};
  }
};

}  // namespace prophet
