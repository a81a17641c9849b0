#include "bench/measure/timing.hpp"

#include <algorithm>

namespace prophet::measure {

Timing summarise(std::vector<std::uint64_t> samples_ns) {
  if (samples_ns.empty()) return {};
  std::sort(samples_ns.begin(), samples_ns.end());
  return {samples_ns[(samples_ns.size() - 1) / 2], samples_ns.front(), samples_ns.back()};
}

}  // namespace prophet::measure
