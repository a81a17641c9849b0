#pragma once

#include <cstddef>
#include <cstdint>

#include "predictor/mlp/net_training.hpp"
#include "predictor/mlp/plan_mlp.hpp"
#include "predictor/train_use_model.hpp"
#include "predictor/training_set.hpp"

namespace prophet {

struct MlpTraining {
  MlpWish wish;
  NetOptions net;  ///< its seed is the training's
  std::size_t parameters_max = learned_parameters_max;
  std::uint32_t threads = 1;              ///< the result does not depend on it
  std::uint64_t tokens_max = 1ULL << 17;  ///< of more, whole sequences are drawn until there are so many
};

/// Learns to forecast from the training sequences. One in sixteen of them, drawn by the seed, is held out:
/// each net is kept as it was after the epoch that forecast those best. A set of one sequence holds none out.
/// The same sequences and options give the same bits. `progress` counts nets. Throws Error{usage} as plan_mlp
/// does, and for no epochs or threads.
[[nodiscard]] MlpModel train_mlp(const TrainingSet& training, const MlpTraining& options,
                                 const TrainingProgress& progress = {});

/// As the file would have it that was trained with the defaults and this seed, on every core.
[[nodiscard]] MlpModel learn_mlp(const TrainingSet& training, std::uint64_t seed,
                                 const TrainingProgress& progress = {});

}  // namespace prophet
