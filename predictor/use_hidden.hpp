#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "prophet/expert_grid.hpp"

namespace prophet {

/// The units of a hidden layer, where a use model is not told otherwise and has room for one; and the most.
inline constexpr std::uint32_t use_hidden_units = 256;
inline constexpr std::uint32_t use_hidden_units_max = 4096;

/// The hidden layer of a use model: what the last two choices of all layers say about a target layer together
/// and no single one of them does. A unit is the sum of its weights of the inputs that are named, each times
/// the input's value, and its bias, or 0 where that is negative; it adds its weights of the target's experts
/// to their log odds. A value.
struct UseHidden {
  /// Choices of a layer that are told: its latest, and the one before.
  static constexpr std::uint32_t lags = 2;
  /// The router's first choices are inputs once more, of these values: ids come by rank.
  static constexpr std::array<float, 2> ranked{1.0F, 0.5F};

  std::uint32_t units = 0;  ///< 0: there is none
  std::vector<float> w1;    ///< [layers, use_inputs(grid), units]
  std::vector<float> b1;    ///< [layers, units]
  std::vector<float> w2;    ///< [layers, units, 2, experts]
};

/// Inputs of each target layer: [chosen or first, lags, layers, experts]. Those of the latest choices come
/// first.
[[nodiscard]] inline std::size_t use_inputs(const ExpertGrid& grid) noexcept {
  return std::size_t{2} * UseHidden::lags * grid.size();
}

[[nodiscard]] inline std::size_t use_hidden_parameters(const ExpertGrid& grid, std::uint32_t units) noexcept {
  return std::size_t{grid.layers} * units * (use_inputs(grid) + 1 + 2 * std::size_t{grid.experts});
}

/// Calls add(input, value) for each input that a layer's choice names, which was its latest (lag 0) or the
/// one before (1).
template <class Add>
void name_use_inputs(const ExpertGrid& grid, std::uint32_t lag, LayerId layer,
                     std::span<const ExpertId> choice, const Add& add) {
  const std::size_t experts = grid.size();
  for (std::size_t rank = 0; rank < choice.size(); ++rank) {
    const std::size_t input = lag * experts + grid.index(layer, choice[rank]).index();
    add(input, 1.0F);
    if (rank < UseHidden::ranked.size()) add(UseHidden::lags * experts + input, UseHidden::ranked[rank]);
  }
}

}  // namespace prophet
