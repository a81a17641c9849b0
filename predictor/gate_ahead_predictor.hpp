#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "predictor/any_lane.hpp"
#include "predictor/predictor.hpp"
#include "predictor/running_logistic.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

/// The router of a coming layer, applied to the input of a router that has run: what the layers between add
/// to the hidden state is left out (Eliseev and Mazur, 2023, as speculative loading). Training-free. Needs
/// what a live model has: see Predictor::observe_ahead().
///
/// An expert's evidence is how far its logit lies above the middle between the k-th and the next largest. Its
/// probability is a logistic of that, fitted for each layer and distance on what came, while it runs. A
/// router on its own input (distance 0, a control) needs no fit: it chooses the k largest, of equal ones the
/// lower id. Says nothing of layers whose logits it was not given, those of the next step among them.
class GateAheadPredictor final : public Predictor {
 public:
  /// Routers of up to `ahead_layers` layers ahead are applied, as far as the step goes. Throws Error{usage}
  /// for 0.
  GateAheadPredictor(ExpertGrid grid, std::uint32_t top_k, std::uint32_t lanes, std::uint32_t ahead_layers);

  [[nodiscard]] std::string_view name() const noexcept override { return "gate-ahead"; }
  void start_lane(LaneId lane) override;
  void observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) override;
  [[nodiscard]] std::uint32_t wants_ahead() const noexcept override { return ahead_layers_; }
  void observe_ahead(LaneId lane, LayerId made_at, LayerId target, std::span<const float> logits) override;
  [[nodiscard]] bool forecast(LayerId made_at, LayerId target, std::span<float> probability) override;

 private:
  /// One router's word on one lane, until its layer has run.
  struct Word {
    bool stands = false;
    std::uint64_t layer_run = 0;  ///< when it was given: a lane that rests gives none, and its last is stale
    LayerId made_at;
    LayerId target;
  };

  /// A lane's words for layers that follow each other lie side by side, of each layer by their distance.
  [[nodiscard]] std::size_t at(LaneId lane, LayerId target, std::uint32_t distance) const noexcept {
    const std::uint32_t kept = ahead_layers_ + 1;
    return (lane.index() * kept + target.value % kept) * kept + distance;
  }
  [[nodiscard]] std::span<float> margins(std::size_t word) noexcept {
    return std::span(margins_).subspan(word * grid_.experts, grid_.experts);
  }
  [[nodiscard]] RunningLogistic& fit(LayerId target, std::uint32_t distance) noexcept {
    return fits_[target.index() * ahead_layers_ + distance - 1];
  }
  void write_margins(std::span<const float> logits, std::span<float> margins);
  void add_lane(std::size_t word);

  ExpertGrid grid_;
  std::uint32_t top_k_;
  std::uint32_t lanes_;
  std::uint32_t ahead_layers_;
  std::uint64_t layer_run_ = 0;          ///< layers observed so far
  LayerId layer_;                        ///< the one just observed
  std::vector<Word> words_;              ///< [lanes, ahead_layers + 1, ahead_layers + 1]
  std::vector<float> margins_;           ///< [words, experts]
  std::vector<RunningLogistic> fits_;    ///< [layers, ahead_layers]
  std::vector<float> ordered_;           ///< [experts] of the word at hand
  std::vector<float> one_lane_;          ///< [experts]
  std::vector<std::uint8_t> came_true_;  ///< [experts]
  AnyLane any_lane_;
};

}  // namespace prophet
