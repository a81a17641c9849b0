#pragma once

#include <cstdint>
#include <string>

#include "prophet/expert_grid.hpp"
#include "runtime/base/random.hpp"
#include "runtime/cache/request_groups.hpp"

namespace prophet::test {

/// A fresh seed, or that of the environment variable PROPHET_SEED; printed.
[[nodiscard]] std::uint64_t draw_seed();

/// For SCOPED_TRACE: how to repeat what failed.
[[nodiscard]] std::string repeat_with(std::uint64_t seed);

/// `steps` steps of one group a layer, each of 1 to `group_max` distinct experts; an expert of the layer's
/// last group comes again with a probability drawn once, so that there is anything to cache.
[[nodiscard]] RequestGroups random_requests(Random& random, ExpertGrid grid, std::uint32_t steps,
                                            std::uint32_t group_max);

}  // namespace prophet::test
