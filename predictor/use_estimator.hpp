#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "predictor/lane_choices.hpp"
#include "predictor/predictor.hpp"
#include "predictor/use_model.hpp"

namespace prophet {

/// Estimates, while decode steps run, when each expert will be used again: by a UseModel for each lane, and
/// the lanes together as independent. The engine calls observe() for every running lane of a layer, then
/// estimate() for that layer. One thread. No allocation after construction.
class UseEstimator {
 public:
  /// The model must outlive it.
  UseEstimator(const UseModel& model, std::uint32_t lanes);

  /// What the next turn wants is from now on what `next`, which must outlive it, forecasts, wherever that
  /// says something; of later turns the model still speaks. With an oracle this is the one-step bound. The
  /// estimator shows it all that is observed.
  void ask(Predictor& next);
  /// The lane starts another sequence: what is known of its uses is forgotten.
  void start_lane(LaneId lane);
  /// The router's choice [top_k] of `lane` at `layer`.
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts);
  /// [experts]: how many turns of `layer` after its next one a certain use would have to be away to be worth
  /// as much as what is expected of each of its experts, by the lanes that were observed there since the last
  /// call. With P, the chance that the next turn wants the expert, R, the share of later turns that do, and
  /// g, the worth of a use one turn later: the expected discounted first use is V = P + (1 - P) * g * R / (1
  /// - g
  /// * (1 - R)), and the answer log V / log g. Valid until the next call.
  [[nodiscard]] std::span<const float> estimate(LayerId layer);
  /// What was observed since the last call speaks for no coming turn: a prefill pass, of one lane among
  /// others.
  void pass_over() noexcept { observed_.clear(); }

 private:
  void add_lane(LaneId lane, LayerId layer);
  /// What the hidden layer adds to the lane's odds.
  void add_hidden(LaneId lane, LayerId layer);
  void take_from_next(LayerId layer);

  const UseModel& model_;
  LaneChoices choices_;
  LaneChoices before_;            ///< those before choices_
  std::vector<LayerUses> uses_;   ///< [lanes, layers]
  std::vector<LaneId> observed_;  ///< lanes since the last estimate
  std::vector<float> odds_;       ///< [2, experts]
  std::vector<float> units_;      ///< [hidden units]
  std::vector<float> nobody_;     ///< [2, experts] chance that no lane so far wants it
  std::vector<float> turns_;      ///< [experts]
  Predictor* next_ = nullptr;     ///< what it says of the next turn replaces the model's word
  std::vector<float> by_next_;    ///< [experts]
};

}  // namespace prophet
