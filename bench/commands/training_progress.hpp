#pragma once

#include <string>

#include "predictor/train_use_model.hpp"

namespace prophet {

/// A bar on stderr with the time that is left, when that is a terminal and `quiet` is false; otherwise
/// nothing. It is gone once all parts are done.
[[nodiscard]] TrainingProgress training_progress(std::string what, bool quiet);

}  // namespace prophet
