#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/random.hpp"
#include "runtime/cache/expert_cache.hpp"
#include "runtime/cache/make_policy.hpp"

namespace prophet::testing_support {

/// A small random model, cache size and future: what every policy needs to be made, small enough for naive
/// twins and tight enough that everything happens often.
class RandomWorld {
 public:
  static constexpr std::size_t groups = 300;

  explicit RandomWorld(Random& random);
  RandomWorld(const RandomWorld&) = delete;
  RandomWorld& operator=(const RandomWorld&) = delete;

  [[nodiscard]] ExpertGrid grid() const noexcept { return grid_; }
  [[nodiscard]] CacheSize size() const noexcept { return size_; }
  [[nodiscard]] const RequestGroups& future() const noexcept { return future_; }
  /// Valid while the world lives.
  [[nodiscard]] PolicyOptions options() const;

 private:
  ExpertGrid grid_;
  CacheSize size_;
  RequestGroups future_;
  std::vector<std::uint64_t> popularity_;
};

/// Distinct experts of `layer` in ascending index, at least one; skewed to the low ones.
[[nodiscard]] std::vector<ExpertIndex> random_group(Random& random, ExpertGrid grid, LayerId layer);

}  // namespace prophet::testing_support
