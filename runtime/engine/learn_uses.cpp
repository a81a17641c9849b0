#include "runtime/engine/learn_uses.hpp"

#include <algorithm>
#include <thread>

#include "predictor/train_use_model.hpp"

namespace prophet {

UseModel learn_uses(const PredictorOptions& options, std::uint64_t seed) {
  UseTraining training;
  training.seed = seed;
  training.threads = std::max(1U, std::thread::hardware_concurrency());
  return train_use_model(TrainingSet("forecast", options), training);
}

}  // namespace prophet
