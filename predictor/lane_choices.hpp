#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "prophet/ids.hpp"

namespace prophet {

/// What each lane last chose at each layer [lanes, layers, top_k] since it started its sequence.
/// No allocation after construction.
class LaneChoices {
 public:
  LaneChoices(std::uint32_t lanes, std::uint32_t layers, std::uint32_t top_k)
      : lanes_(lanes),
        layers_(layers),
        top_k_(top_k),
        chosen_(std::size_t{lanes} * layers * top_k),
        counts_(std::size_t{lanes} * layers) {}

  [[nodiscard]] std::uint32_t lanes() const noexcept { return lanes_; }

  void forget(LaneId lane) {
    const auto first = counts_.begin() + static_cast<std::ptrdiff_t>(lane.index() * layers_);
    std::fill_n(first, layers_, std::uint8_t{0});
  }
  /// REQUIRES: at most top_k experts.
  void choose(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
    const std::size_t at = lane.index() * layers_ + layer.index();
    std::copy(experts.begin(), experts.end(), chosen_.begin() + static_cast<std::ptrdiff_t>(at * top_k_));
    counts_[at] = static_cast<std::uint8_t>(experts.size());
  }
  /// Empty when the lane has chosen nothing at `layer` yet.
  [[nodiscard]] std::span<const ExpertId> last(LaneId lane, LayerId layer) const noexcept {
    const std::size_t at = lane.index() * layers_ + layer.index();
    return {chosen_.data() + at * top_k_, counts_[at]};
  }

 private:
  std::uint32_t lanes_;
  std::uint32_t layers_;
  std::uint32_t top_k_;
  std::vector<ExpertId> chosen_;      ///< [lanes, layers, top_k]
  std::vector<std::uint8_t> counts_;  ///< [lanes, layers] experts that are valid in chosen_
};

}  // namespace prophet
