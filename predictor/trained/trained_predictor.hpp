#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "predictor/mlp/mlp_model.hpp"
#include "predictor/use_model.hpp"

namespace prophet {

/// What one training leaves behind: the nets of predictor `mlp`, the use model of policy `forecast`, and what
/// they have seen.
struct TrainedPredictor {
  std::shared_ptr<const MlpModel> mlp;  ///< never null once trained or read
  std::shared_ptr<const UseModel> use;  ///< null: the experts are too many for one
  /// Of the training sequences, held-out ones included, ascending: see sequence_fingerprint.hpp. None of them
  /// may be replayed.
  std::vector<std::uint64_t> learnt_from;

  /// Of both together: at most learned_parameters_max as trained here.
  [[nodiscard]] std::size_t parameters() const noexcept {
    return mlp->shape.parameters() + (use == nullptr ? 0 : use->parameters());
  }
};

}  // namespace prophet
