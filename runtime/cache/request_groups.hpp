#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"
#include "prophet/ids.hpp"

namespace prophet {

/// What a replay will ask of the cache: for each layer of each step, in execution order, the distinct experts
/// it wants in ascending index. Flat storage; a value type.
struct RequestGroups {
  ExpertGrid grid;
  std::vector<std::uint64_t> offsets{0};  ///< [groups + 1]
  std::vector<ExpertIndex> experts;       ///< concatenated groups
  std::vector<std::uint8_t> prefill;      ///< [groups] 1 of a prefill pass; may be shorter: the rest are 0

  [[nodiscard]] std::size_t groups() const noexcept { return offsets.size() - 1; }
  [[nodiscard]] std::size_t requests() const noexcept { return experts.size(); }
  [[nodiscard]] std::span<const ExpertIndex> group(std::size_t g) const noexcept {
    return std::span(experts).subspan(offsets[g], offsets[g + 1] - offsets[g]);
  }
  [[nodiscard]] bool is_prefill(std::size_t g) const noexcept {
    return g < prefill.size() && prefill[g] != 0;
  }
  void append(std::span<const ExpertIndex> group, bool of_prefill = false) {
    experts.insert(experts.end(), group.begin(), group.end());
    offsets.push_back(experts.size());
    prefill.push_back(of_prefill ? 1 : 0);
  }
};

}  // namespace prophet
