#pragma once

#include <span>
#include <vector>

#include "predictor/mlp/mlp_model.hpp"
#include "predictor/mlp/net_training.hpp"
#include "predictor/training_set.hpp"

namespace prophet {

/// What the nets of one target layer learn from, one entry a lookahead: each token of the sequences of which
/// something is known when the forecast is made.
[[nodiscard]] std::vector<NetSamples> net_samples(const MlpShape& shape, LayerId target,
                                                  const TrainingSet& training,
                                                  std::span<const TrainingSequence> sequences);

}  // namespace prophet
