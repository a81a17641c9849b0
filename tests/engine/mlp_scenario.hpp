#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "predictor/mlp/mlp_predictor.hpp"
#include "predictor/trained/train_predictor.hpp"
#include "tests/engine/listening_predictor.hpp"
#include "tests/engine/scenario.hpp"

namespace prophet::engine_test {

inline constexpr ScenarioOptions mlp_sizes{
    .layers = 3, .experts = 10, .top_k = 3, .sequences = 6, .mean_tokens = 6, .prefill_tokens = 4};

/// A small learned predictor that learned from the scenario's training sequences.
inline std::shared_ptr<const MlpModel> learned(const Scenario& scenario) {
  PredictorTraining quick;
  quick.mlp.wish.hidden = 24;
  quick.mlp.net.epochs = 2;
  quick.use.epochs = 1;
  return train_predictor(scenario.trace(), scenario.split().train, quick).mlp;
}

struct HeardReplay {
  ReplayMetrics metrics;
  std::vector<std::vector<float>> forecasts;
  std::uint64_t prepared = 0;
};

/// Two lanes, two layers ahead. The nets run where `nets_on` says.
inline HeardReplay replay_mlp(const Scenario& scenario, const std::shared_ptr<const MlpModel>& model,
                              Device& device, Device* nets_on) {
  MlpPredictor predictor(model, {2, nets_on, 0});
  ListeningPredictor listening(predictor);
  Replay how = scenario.middling();
  how.schedule.lanes = 2;
  how.engine.prefetch.lookahead_layers = 2;
  how.test_predictor = &listening;
  HeardReplay heard;
  heard.metrics = scenario.replay(device, how);
  heard.forecasts = std::move(listening.heard);
  heard.prepared = listening.prepared;
  return heard;
}

}  // namespace prophet::engine_test
