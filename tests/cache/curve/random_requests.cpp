#include "tests/cache/curve/random_requests.hpp"

#include <cstdlib>
#include <iostream>
#include <random>
#include <set>
#include <vector>

namespace prophet::test {

std::uint64_t draw_seed() {
  std::random_device device;
  std::uint64_t seed = (std::uint64_t{device()} << 32) | device();
  if (const char* given = std::getenv("PROPHET_SEED")) seed = std::strtoull(given, nullptr, 0);
  std::cout << repeat_with(seed) << '\n';
  return seed;
}

std::string repeat_with(std::uint64_t seed) {
  return "PROPHET_SEED=" + std::to_string(seed);
}

RequestGroups random_requests(Random& random, ExpertGrid grid, std::uint32_t steps, std::uint32_t group_max) {
  const double persistence = random.uniform();
  RequestGroups requests;
  requests.grid = grid;
  std::vector<std::set<ExpertIndex>> last(grid.layers);
  for (std::uint64_t group = 0; group < std::uint64_t{steps} * grid.layers; ++group) {
    const LayerId layer{static_cast<std::uint32_t>(group % grid.layers)};
    const std::size_t wanted = 1 + random.below(group_max);
    std::set<ExpertIndex> now;
    for (const ExpertIndex expert : last[layer.index()]) {
      if (now.size() < wanted && random.chance(persistence)) now.insert(expert);
    }
    while (now.size() < wanted) {
      now.insert(grid.index(layer, ExpertId{static_cast<std::uint32_t>(random.below(grid.experts))}));
    }
    requests.append(std::vector<ExpertIndex>(now.begin(), now.end()));
    last[layer.index()] = now;
  }
  return requests;
}

}  // namespace prophet::test
