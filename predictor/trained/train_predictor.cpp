#include "predictor/trained/train_predictor.hpp"

#include "predictor/plan_use_model.hpp"
#include "predictor/trained/sequence_fingerprint.hpp"

namespace prophet {

TrainedPredictor train_predictor(const RoutingTrace& trace, std::span<const SequenceId> sequences,
                                 const PredictorTraining& training, const TrainingProgress& use_progress,
                                 const TrainingProgress& mlp_progress, const AheadChoices* ahead) {
  PredictorOptions options;
  options.grid = trace.shape().grid;
  options.top_k = trace.shape().top_k;
  options.trace = &trace;
  options.training = sequences;
  options.training_ahead = ahead;
  const TrainingSet set("mlp", options);
  MlpTraining mlp = training.mlp;
  mlp.net.seed = training.seed;
  mlp.threads = training.threads;
  UseTraining use = training.use;
  use.seed = training.seed;
  use.threads = training.threads;
  use.parameters_max = use_model_share(options.grid, use.hidden_units);
  mlp.parameters_max = learned_parameters_max - use.parameters_max;
  // What cannot be planned is refused before anything is trained.
  if (use.parameters_max != 0) (void)plan_use_model(options.grid, use.hidden_units, use.parameters_max);
  (void)plan_mlp(options.grid, options.top_k, mlp.wish, mlp.parameters_max);
  TrainedPredictor trained;
  if (use.parameters_max != 0)
    trained.use = std::make_shared<const UseModel>(train_use_model(set, use, use_progress));
  trained.mlp = std::make_shared<const MlpModel>(train_mlp(set, mlp, mlp_progress));
  trained.learnt_from = fingerprints(trace, sequences);
  return trained;
}

}  // namespace prophet
