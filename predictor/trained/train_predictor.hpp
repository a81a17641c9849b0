#pragma once

#include <cstdint>
#include <span>

#include "predictor/mlp/train_mlp.hpp"
#include "predictor/train_use_model.hpp"
#include "predictor/trained/trained_predictor.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// One training for predictor `mlp` and policy `forecast`; the seed and threads here are those of both.
struct PredictorTraining {
  MlpTraining mlp;
  UseTraining use;
  std::uint64_t seed = 1;
  std::uint32_t threads = 1;
};

/// Learns from these sequences of the trace, and from what routers ahead said of their rows where `ahead` is
/// not null and training.mlp asks for it, and from nothing else. The parameters are shared out so
/// that both together have at most learned_parameters_max. Throws Error{usage} as train_mlp and
/// plan_use_model do.
[[nodiscard]] TrainedPredictor train_predictor(const RoutingTrace& trace,
                                               std::span<const SequenceId> sequences,
                                               const PredictorTraining& training,
                                               const TrainingProgress& use_progress = {},
                                               const TrainingProgress& mlp_progress = {},
                                               const AheadChoices* ahead = nullptr);

}  // namespace prophet
