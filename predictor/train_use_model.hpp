#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "predictor/training_set.hpp"
#include "predictor/use_model.hpp"

namespace prophet {

struct UseTraining {
  std::uint32_t epochs = 5;                ///< of a model without a hidden layer
  std::uint32_t later_tokens = 24;         ///< of the tokens to come, those that `later` is a share of
  float learning_rate = 0.03F;             ///< likewise: Adagrad's (Duchi, Hazan, Singer 2011)
  std::size_t parameters_max = 7'200'000;  ///< source layers are left out until the model is as small
  /// Units of a hidden layer. Not said: as plan_use_model, and 0 where there are fewer training tokens than
  /// hidden_tokens_min, which such a layer would learn by heart.
  std::optional<std::uint32_t> hidden_units{};
  std::uint64_t hidden_tokens_min = 4096;
  std::uint32_t hidden_epochs = 20;
  std::uint64_t hidden_passes_max = 300'000;  ///< over tokens, in all epochs of a layer with a hidden one
  std::uint32_t threads = 1;                  ///< the result does not depend on it
  std::uint64_t seed = 1;
};

/// Told how many of `in_all` parts of the work are done, by one thread at a time.
using TrainingProgress = std::function<void(std::uint32_t done, std::uint32_t in_all)>;

/// Learns from the training sequences: the features' weights from all layers, then everything else layer by
/// layer. The same sequences and seed give the same bits. Throws Error{usage} as plan_use_model does, and
/// where there are no epochs or threads.
[[nodiscard]] UseModel train_use_model(const TrainingSet& training, const UseTraining& options,
                                       const TrainingProgress& progress = {});

}  // namespace prophet
