#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "predictor/lane_uses.hpp"
#include "predictor/use_hidden.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

/// Log odds of two logistic models of an expert: that the sequence's next token uses it (`next`), and the
/// share of the tokens to come that do (`later`).
struct UseOdds {
  float next = 0;
  float later = 0;
};

/// What the features of an expert's uses weigh in the two.
struct UseWeights {
  UseFeatures next{};
  UseFeatures later{};
  friend bool operator==(const UseWeights&, const UseWeights&) = default;
};

/// What was learnt of how a model's routers repeat themselves. The log odds of each expert of a target layer
/// are the sum of its features' weights, its bias, one weight for each expert that the latest token chose in
/// the layers around the target, and what a hidden layer adds, if there is one. A value.
struct UseModel {
  ExpertGrid grid;
  std::uint32_t top_k = 0;
  std::uint32_t source_layers = 0;  ///< how many layers around a target speak for it; 1 to grid.layers
  std::vector<UseWeights> weights;  ///< [layers]; all the same where there is no hidden layer
  std::vector<float> popularity;    ///< [grid.size()] share of training tokens that chose it, in (0, 1)
  std::vector<UseOdds> bias;        ///< [grid.size()]
  /// [layers, source_layers, experts, 2, experts]: of a target layer and an expert chosen in one of its
  /// sources, what it adds to the log odds of each of the target's experts: `next` first, then `later`.
  std::vector<float> matrix;
  UseHidden hidden;

  /// Of a model of this grid, how many parameters it has: the matrix's grow with the source layers.
  [[nodiscard]] static std::size_t matrix_parameters(ExpertGrid grid, std::uint32_t source_layers) noexcept {
    return std::size_t{grid.layers} * source_layers * grid.experts * 2 * grid.experts;
  }
  [[nodiscard]] static std::size_t other_parameters(ExpertGrid grid) noexcept {
    return std::size_t{grid.layers} * 2 * use_features + 3 * std::size_t{grid.size()};
  }
  [[nodiscard]] std::size_t parameters() const noexcept {
    return other_parameters(grid) + matrix_parameters(grid, source_layers) +
           use_hidden_parameters(grid, hidden.units);
  }
  /// The first of the consecutive source layers of `target`.
  [[nodiscard]] LayerId first_source(LayerId target) const noexcept {
    const std::uint32_t before = std::min(target.value, source_layers / 2);
    return LayerId{std::min(target.value - before, grid.layers - source_layers)};
  }
  /// [2, experts]; `source` counts from first_source(target).
  [[nodiscard]] std::span<const float> added(LayerId target, std::uint32_t source,
                                             ExpertId chosen) const noexcept {
    return std::span(matrix).subspan(added_at(target, source, chosen), std::size_t{2} * grid.experts);
  }
  [[nodiscard]] std::span<float> added(LayerId target, std::uint32_t source, ExpertId chosen) noexcept {
    return std::span(matrix).subspan(added_at(target, source, chosen), std::size_t{2} * grid.experts);
  }

 private:
  [[nodiscard]] std::size_t added_at(LayerId target, std::uint32_t source, ExpertId chosen) const noexcept {
    return ((std::size_t{target.value} * source_layers + source) * grid.experts + chosen.index()) * 2 *
           grid.experts;
  }
};

}  // namespace prophet
