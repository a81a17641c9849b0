#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/resolve.hpp"
#include "runtime/base/random.hpp"

namespace prophet::testing {

/// Choices of one layer, and where its experts lie.
struct RoutingCase {
  std::uint32_t tokens = 0;
  std::uint32_t top_k = 1;
  std::uint32_t experts = 1;
  std::uint32_t slabs = 1;
  std::vector<std::uint32_t> ids;      ///< [tokens, top_k]
  std::vector<std::uint32_t> slab_of;  ///< [experts]
  [[nodiscard]] std::size_t distinct_max() const { return std::min<std::size_t>(ids.size(), experts); }
};

/// Few tokens or up to 1,024; ids of a token differ, as a router's do, or need not; experts with slabs and
/// without.
inline RoutingCase any_routing(Random& random) {
  RoutingCase routing;
  routing.experts = static_cast<std::uint32_t>(1 + random.below(kernels::resolve_experts_max));
  routing.top_k = static_cast<std::uint32_t>(1 + random.below(16));
  routing.tokens = static_cast<std::uint32_t>(random.below(random.chance(0.2) ? 1025 : 40));
  routing.slabs = static_cast<std::uint32_t>(1 + random.below(routing.experts));
  const std::uint64_t popular = random.chance(0.5) ? routing.experts : 1 + random.below(routing.experts);
  routing.ids.resize(std::size_t{routing.tokens} * routing.top_k);
  for (auto& id : routing.ids) id = static_cast<std::uint32_t>(random.below(popular));
  routing.slab_of.assign(routing.experts, kernels::no_slab);
  for (auto& slab : routing.slab_of) {
    if (random.chance(0.7)) slab = static_cast<std::uint32_t>(random.below(routing.slabs));
  }
  return routing;
}

/// The arrays of a ResolvedExperts, each a little longer than needed and filled with `untouched`.
struct ResolvedLists {
  static constexpr std::uint32_t untouched = 0xabababab;
  static constexpr std::size_t margin = 3;

  explicit ResolvedLists(const RoutingCase& routing)
      : counts(2, untouched),
        experts(routing.distinct_max() + margin, untouched),
        slabs(routing.distinct_max() + margin, nullptr),
        first_row(routing.distinct_max() + 1 + margin, untouched),
        rows(routing.ids.size() + margin, untouched),
        slots(routing.ids.size() + margin, untouched) {}

  [[nodiscard]] kernels::ResolvedExperts view() {
    return {counts.data(),    counts.data() + 1, experts.data(), slabs.data(),
            first_row.data(), rows.data(),       slots.data()};
  }

  std::vector<std::uint32_t> counts;  ///< distinct, missing
  std::vector<std::uint32_t> experts;
  std::vector<const void*> slabs;
  std::vector<std::uint32_t> first_row;
  std::vector<std::uint32_t> rows;
  std::vector<std::uint32_t> slots;
};

}  // namespace prophet::testing
