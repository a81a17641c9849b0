#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "predictor/training_set.hpp"

namespace prophet {

/// What came of each expert of one layer after a token: used by the next one, and by which share of those to
/// come. What use models learn to foretell.
class UseOutcomes {
 public:
  UseOutcomes(const TrainingSet& training, LayerId layer, std::uint32_t later_tokens)
      : next(training.shape().grid.experts),
        later(training.shape().grid.experts),
        training_(training),
        layer_(layer),
        later_tokens_(later_tokens),
        chosen_(training.shape().top_k) {}

  /// REQUIRES: `row` is not the last of the sequence.
  void look(const TrainingSequence& sequence, std::uint64_t row) {
    std::fill(next.begin(), next.end(), 0.0F);
    std::fill(later.begin(), later.end(), 0.0F);
    const std::uint64_t end = std::min(sequence.first_row + sequence.tokens, row + 1 + later_tokens_);
    const float share = 1.0F / static_cast<float>(end - row - 1);
    for (std::uint64_t ahead = row + 1; ahead < end; ++ahead) {
      training_.choices(ahead, layer_, chosen_);
      for (const ExpertId expert : chosen_) {
        if (ahead == row + 1) next[expert.index()] = 1;
        later[expert.index()] += share;
      }
    }
  }

  std::vector<float> next;   ///< [experts]
  std::vector<float> later;  ///< [experts]

 private:
  const TrainingSet& training_;
  LayerId layer_;
  std::uint32_t later_tokens_;
  std::vector<ExpertId> chosen_;
};

}  // namespace prophet
