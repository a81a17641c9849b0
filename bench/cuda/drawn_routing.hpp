#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/random.hpp"

namespace prophet::measure {

/// top_k distinct experts a token, each set of them as likely as any other: [tokens, top_k].
[[nodiscard]] inline std::vector<std::uint32_t> draw_choices(Random& random, std::uint32_t tokens,
                                                             std::uint32_t top_k, std::uint32_t experts) {
  std::vector<std::uint32_t> choices;
  std::vector<std::uint32_t> all(experts);
  for (std::uint32_t token = 0; token < tokens; ++token) {
    for (std::uint32_t e = 0; e < experts; ++e) all[e] = e;
    for (std::uint32_t rank = 0; rank < top_k; ++rank) {
      std::swap(all[rank], all[rank + random.below(experts - rank)]);
      choices.push_back(all[rank]);
    }
  }
  return choices;
}

}  // namespace prophet::measure
