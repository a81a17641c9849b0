#pragma once

#include <cstdint>

#include "prophet/ids.hpp"

namespace prophet {

/// How many layers after `made_at` the next run of `target` comes: 1 to `layers`. A target at or before
/// `made_at` belongs to the next step.
[[nodiscard]] constexpr std::uint32_t layer_distance(LayerId made_at, LayerId target,
                                                     std::uint32_t layers) noexcept {
  return target > made_at ? target.value - made_at.value : target.value + layers - made_at.value;
}

}  // namespace prophet
