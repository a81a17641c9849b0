#pragma once

#include <span>
#include <vector>

#include "predictor/training_set.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

/// The chance that a token chooses each expert, counted over training sequences. Smoothed by one more token
/// that chooses evenly: (count + top_k / experts) / (tokens + 1), so that a row sums to top_k and no chance
/// is 0.
class Popularity {
 public:
  explicit Popularity(const TrainingSet& training);

  /// [experts]
  [[nodiscard]] std::span<const float> row(LayerId layer) const noexcept {
    return std::span(probability_).subspan(layer.index() * experts_, experts_);
  }

 private:
  std::uint32_t experts_;
  std::vector<float> probability_;  ///< [layers, experts]
};

}  // namespace prophet
