#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "prophet/ids.hpp"

namespace prophet {

/// An expert of one layer as a forecast has it.
struct NamedExpert {
  ExpertId expert;
  float probability = 0;
  bool resident = false;  ///< when the forecast was made
};

/// Brings the `count` most probable to the front, the most probable first; of equal ones the lower id first.
/// REQUIRES: no probability is a not-a-number.
void rank_most_probable(std::span<NamedExpert> experts, std::size_t count);

/// What came of some experts that a forecast named.
struct NamedCounts {
  std::uint64_t wanted = 0;         ///< of all of them
  std::uint64_t absent = 0;         ///< not resident when the forecast was made
  std::uint64_t absent_wanted = 0;  ///< of those, wanted

  NamedCounts& operator+=(const NamedCounts& more) noexcept;
};

/// is_wanted [experts]: 1 where the layer wants the expert, else 0.
[[nodiscard]] NamedCounts count_named(std::span<const NamedExpert> named,
                                      std::span<const std::uint8_t> is_wanted) noexcept;

/// How well forecasts named what layers wanted (layers that had a forecast only).
struct ForecastCounts {
  std::uint64_t wanted = 0;          ///< experts wanted by forecast layers; k of a layer is how many it wants
  std::uint64_t recalled_at_k = 0;   ///< of them, among the k most probable
  std::uint64_t recalled_at_2k = 0;  ///< of them, among the 2k most probable
  std::uint64_t absent_named =
      0;  ///< experts not resident when the forecast was made, among the k most probable
  std::uint64_t absent_named_wanted = 0;  ///< of them, wanted

  ForecastCounts& operator+=(const ForecastCounts& more) noexcept;
};

/// Of one forecast for a layer that wants `wanted` experts. REQUIRES: the 2 * wanted most probable stand in
/// front of `ranked` as rank_most_probable() leaves them, or all do.
[[nodiscard]] ForecastCounts count_at_k(std::span<const NamedExpert> ranked,
                                        std::span<const std::uint8_t> is_wanted, std::size_t wanted) noexcept;

}  // namespace prophet
