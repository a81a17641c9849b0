#include "predictor/previous_token_predictor.hpp"

#include <algorithm>

namespace prophet {

PreviousTokenPredictor::PreviousTokenPredictor(ExpertGrid grid, std::uint32_t top_k, std::uint32_t lanes)
    : choices_(lanes, grid.layers, top_k), repeats_(grid.layers), any_lane_(grid.experts) {}

void PreviousTokenPredictor::start_lane(LaneId lane) {
  choices_.forget(lane);
}

void PreviousTokenPredictor::observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  const std::span<const ExpertId> before = choices_.last(lane, layer);
  Repeats& repeats = repeats_[layer.index()];
  for (const ExpertId e : before) {
    repeats.repeated += std::find(experts.begin(), experts.end(), e) != experts.end() ? 1U : 0U;
  }
  repeats.seen += before.size();
  choices_.choose(lane, layer, experts);
}

bool PreviousTokenPredictor::forecast(LayerId, LayerId target, std::span<float> probability) {
  const Repeats& repeats = repeats_[target.index()];
  const auto rate = static_cast<float>((static_cast<double>(repeats.repeated) + 1) /
                                       (static_cast<double>(repeats.seen) + 2));
  bool says_something = false;
  any_lane_.clear();
  for (std::uint32_t lane = 0; lane < choices_.lanes(); ++lane) {
    for (const ExpertId e : choices_.last(LaneId{lane}, target)) {
      any_lane_.add(e.index(), rate);
      says_something = true;
    }
  }
  if (says_something) any_lane_.write(probability);
  return says_something;
}

}  // namespace prophet
