#pragma once

#include <cstdint>
#include <vector>

namespace prophet::measure {

/// What repetitions of one thing took.
struct Timing {
  std::uint64_t median_ns = 0;  ///< of an even number the lower of the two in the middle
  std::uint64_t min_ns = 0;
  std::uint64_t max_ns = 0;
  friend bool operator==(const Timing&, const Timing&) = default;
};

/// No samples: all zeros.
[[nodiscard]] Timing summarise(std::vector<std::uint64_t> samples_ns);

}  // namespace prophet::measure
