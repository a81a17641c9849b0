#include "tests/cache/random_world.hpp"

#include <algorithm>

namespace prophet::testing_support {
namespace {

std::uint32_t between(Random& random, std::uint32_t low, std::uint32_t high) {
  return low + static_cast<std::uint32_t>(random.below(high - low + 1));
}

}  // namespace

RandomWorld::RandomWorld(Random& random) {
  grid_ = {between(random, 1, 5), between(random, 2, 9)};
  size_ = {between(random, 1, grid_.size()), between(random, 0, 5)};
  future_.grid = grid_;
  for (std::uint32_t g = 0; g < groups; ++g) {
    future_.append(random_group(random, grid_, LayerId{g % grid_.layers}));
  }
  for (std::uint32_t e = 0; e < grid_.size(); ++e) popularity_.push_back(random.below(6));
}

PolicyOptions RandomWorld::options() const {
  PolicyOptions options;
  options.grid = grid_;
  options.cache_slabs = size_.cache_slabs;
  options.lfu_half_life_steps = 7.3;  // no sum of few powers of 2^(1/7.3) equals another: no rounding decides
  options.popularity = popularity_;
  options.future = &future_;
  return options;
}

std::vector<ExpertIndex> random_group(Random& random, ExpertGrid grid, LayerId layer) {
  const double share = 0.1 + 0.7 * random.uniform() * random.uniform();
  std::vector<ExpertIndex> group;
  for (std::uint32_t e = 0; e < grid.experts; ++e) {
    const double skew = e < grid.experts / 3 ? 1.5 : 0.7;
    if (random.chance(share * skew)) group.push_back(grid.index(layer, ExpertId{e}));
  }
  if (group.empty()) {
    group.push_back(grid.index(layer, ExpertId{static_cast<std::uint32_t>(random.below(grid.experts))}));
  }
  return group;
}

}  // namespace prophet::testing_support
