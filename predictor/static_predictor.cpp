#include "predictor/static_predictor.hpp"

#include <algorithm>
#include <cmath>

namespace prophet {

StaticPredictor::StaticPredictor(const TrainingSet& training, std::uint32_t lanes)
    : popularity_(training), runs_(lanes, 0) {}

void StaticPredictor::start_lane(LaneId lane) {
  running_ += runs_[lane.index()] == 0 ? 1U : 0U;
  runs_[lane.index()] = 1;
}

void StaticPredictor::observe(LaneId lane, LayerId, std::span<const ExpertId>) {
  start_lane(lane);
}

bool StaticPredictor::forecast(LayerId, LayerId target, std::span<float> probability) {
  if (running_ == 0) return false;
  const std::span<const float> one_lane = popularity_.row(target);
  if (running_ == 1) {
    std::copy(one_lane.begin(), one_lane.end(), probability.begin());
    return true;
  }
  const auto lanes = static_cast<float>(running_);
  for (std::size_t e = 0; e < one_lane.size(); ++e) {
    probability[e] = 1.0F - std::pow(1.0F - one_lane[e], lanes);
  }
  return true;
}

}  // namespace prophet
