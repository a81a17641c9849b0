#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "predictor/any_lane.hpp"
#include "predictor/lane_choices.hpp"
#include "predictor/logistic_fit.hpp"
#include "predictor/popularity.hpp"
#include "predictor/predictor.hpp"
#include "predictor/transition_evidence.hpp"

namespace prophet {

/// Layer to layer: naive Bayes over what the lane's token chose in the last layers, three at most, with
/// counts from the training sequences. The log odds of an expert are those of its popularity plus, for each
/// layer of the context, the TransitionEvidence of the experts chosen there. These pieces are weighed by
/// LogisticWeights, fitted on a sample of the training sequences for each distance and each length of
/// context, because layers that follow each other tell much the same. A target in the next token is told from
/// the last layers of this one, whose successors were counted so.
///
/// Up to distance_max layers ahead; beyond that, and for a lane without context, it says the popularity.
/// Memory: layers x 5 x experts^2 floats, refused above limits::transition_table_bytes_max.
class TransitionPredictor final : public Predictor {
 public:
  static constexpr std::uint32_t context_layers_max = 3;
  static constexpr std::uint32_t distance_max = TransitionEvidence::delta_max - context_layers_max + 1;

  TransitionPredictor(const TrainingSet& training, std::uint32_t lanes);

  [[nodiscard]] std::string_view name() const noexcept override { return "transition"; }
  void start_lane(LaneId lane) override;
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override;
  /// Says nothing until a lane has started.
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override;

 private:
  struct Lane {
    bool runs = false;
    LayerId layer;            ///< last observed
    std::uint32_t depth = 0;  ///< layers of its token observed in a row up to `layer`
  };
  /// Forecasts that could have been made, and what came: as LogisticSample has them.
  struct Sample {
    std::vector<float> evidence;
    std::vector<std::uint8_t> came_true;
  };

  void add_lane(LaneId lane, LayerId made_at, LayerId target);
  void add_evidence(LayerId target, std::uint32_t delta, std::span<const ExpertId> chosen, float weight);
  [[nodiscard]] std::span<const float> prior(LayerId target) const noexcept {
    return std::span(prior_).subspan(target.index() * grid_.experts, grid_.experts);
  }
  [[nodiscard]] LogisticWeights& weights(std::uint32_t distance, std::uint32_t context_layers) noexcept {
    return weights_[distance - 1][context_layers - 1];
  }
  [[nodiscard]] LogisticWeights fit(const TrainingSet& training, std::uint32_t distance,
                                    std::uint32_t context_layers);
  void sample(const TrainingSet& training, std::uint64_t row, LayerId made_at, std::uint32_t distance,
              std::uint32_t context_layers, Sample& out);

  ExpertGrid grid_;
  Popularity popularity_;
  std::vector<float> prior_;  ///< [layers, experts] log odds of the popularity
  TransitionEvidence evidence_;
  std::array<std::array<LogisticWeights, context_layers_max>, distance_max> weights_;
  LaneChoices choices_;
  std::vector<Lane> lanes_;
  std::vector<float> score_;  ///< [experts] of the lane at hand
  AnyLane any_lane_;
};

}  // namespace prophet
