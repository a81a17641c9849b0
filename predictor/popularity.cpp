#include "predictor/popularity.hpp"

#include <cstdint>

namespace prophet {

Popularity::Popularity(const TrainingSet& training)
    : experts_(training.shape().grid.experts), probability_(training.shape().grid.size(), 0.0F) {
  const TraceShape& shape = training.shape();
  std::vector<ExpertId> chosen(shape.top_k);
  for (const TrainingSequence& sequence : training.sequences()) {
    for (std::uint32_t token = 0; token < sequence.tokens; ++token) {
      for (std::uint32_t l = 0; l < shape.grid.layers; ++l) {
        training.choices(sequence.first_row + token, LayerId{l}, chosen);
        for (const ExpertId e : chosen) probability_[shape.grid.index(LayerId{l}, e).index()] += 1.0F;
      }
    }
  }
  const double even = static_cast<double>(shape.top_k) / shape.grid.experts;
  const double tokens = static_cast<double>(training.tokens()) + 1.0;
  for (float& p : probability_) p = static_cast<float>((p + even) / tokens);
}

}  // namespace prophet
