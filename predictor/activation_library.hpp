#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "predictor/training_set.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

/// Activation matrices [layers, experts] of training sequences: the share of a sequence's tokens that chose
/// each expert. Of more sequences than there is room for, evenly spaced ones in the order given are kept.
/// Stored expert by expert, matrices side by side: an observation touches one short run of memory an expert.
class ActivationLibrary {
 public:
  explicit ActivationLibrary(const TrainingSet& training);

  [[nodiscard]] std::uint32_t matrices() const noexcept { return matrices_; }
  /// [matrices]: the share of each at one (layer, expert).
  [[nodiscard]] std::span<const float> shares(LayerId layer, ExpertId expert) const noexcept {
    return std::span(shares_).subspan(grid_.index(layer, expert).index() * matrices_, matrices_);
  }
  /// [matrices]: 1 / length of each over layers 0 to `layer`.
  [[nodiscard]] std::span<const float> inverse_lengths(LayerId layer) const noexcept {
    return std::span(inverse_lengths_).subspan(layer.index() * matrices_, matrices_);
  }

 private:
  void add(const TrainingSet& training, const TrainingSequence& sequence, std::uint32_t matrix);
  void measure_lengths();

  ExpertGrid grid_;
  std::uint32_t matrices_;
  std::vector<float> shares_;           ///< [layers, experts, matrices]
  std::vector<float> inverse_lengths_;  ///< [layers, matrices]
};

}  // namespace prophet
