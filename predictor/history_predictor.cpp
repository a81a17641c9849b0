#include "predictor/history_predictor.hpp"

#include <algorithm>

namespace prophet {

HistoryPredictor::HistoryPredictor(const TrainingSet& training, std::uint32_t lanes)
    : library_(training),
      experts_(training.shape().grid.experts),
      layers_seen_(lanes, 0),
      dots_(std::size_t{lanes} * library_.matrices(), 0.0F),
      any_lane_(experts_) {}

void HistoryPredictor::start_lane(LaneId lane) {
  layers_seen_[lane.index()] = 0;
  std::fill(dots(lane).begin(), dots(lane).end(), 0.0F);
}

void HistoryPredictor::observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  layers_seen_[lane.index()] = std::max(layers_seen_[lane.index()], layer.value + 1);
  float* const dot = dots(lane).data();
  const std::size_t matrices = library_.matrices();
  for (const ExpertId e : experts) {
    const float* const share = library_.shares(layer, e).data();
    for (std::size_t m = 0; m < matrices; ++m) dot[m] += share[m];
  }
}

std::uint32_t HistoryPredictor::nearest(LaneId lane) noexcept {
  const std::span<const float> dot = dots(lane);
  const std::span<const float> inverse = library_.inverse_lengths(LayerId{layers_seen_[lane.index()] - 1});
  std::uint32_t best = 0;
  for (std::uint32_t m = 1; m < dot.size(); ++m) {
    if (dot[m] * inverse[m] > dot[best] * inverse[best]) best = m;
  }
  return best;
}

bool HistoryPredictor::forecast(LayerId, LayerId target, std::span<float> probability) {
  bool says_something = false;
  any_lane_.clear();
  for (std::uint32_t lane = 0; lane < layers_seen_.size(); ++lane) {
    if (layers_seen_[lane] == 0) continue;
    const std::uint32_t matrix = nearest(LaneId{lane});
    for (std::uint32_t e = 0; e < experts_; ++e) {
      any_lane_.add(e, library_.shares(target, ExpertId{e})[matrix]);
    }
    says_something = true;
  }
  if (says_something) any_lane_.write(probability);
  return says_something;
}

}  // namespace prophet
