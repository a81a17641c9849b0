#include "predictor/use_estimator.hpp"

#include <algorithm>
#include <cmath>

#include "predictor/logistic_fit.hpp"

namespace prophet {
namespace {

/// Of later turns an expert is wanted in at least this share: once in so many tokens that it does not matter.
constexpr float later_min = 1e-4F;
/// What a use one turn later is worth to a cache that could give the slab to another meanwhile. Of the
/// gpt-oss trace's gap to a clairvoyant cache 0.5 to 0.7 close the most, 2 points more than 1
/// (docs/forecasting.md).
constexpr float worth_a_turn = 0.6F;

float dot(const UseFeatures& weights, const UseFeatures& features) {
  float sum = 0;
  for (std::size_t i = 0; i < use_features; ++i) sum += weights[i] * features[i];
  return sum;
}

}  // namespace

UseEstimator::UseEstimator(const UseModel& model, std::uint32_t lanes)
    : model_(model),
      choices_(lanes, model.grid.layers, model.top_k),
      uses_(std::size_t{lanes} * model.grid.layers, LayerUses(model.grid.experts)),
      odds_(2 * std::size_t{model.grid.experts}),
      nobody_(odds_.size()),
      turns_(model.grid.experts) {
  observed_.reserve(lanes);
}

void UseEstimator::ask(Predictor& next) {
  next_ = &next;
  by_next_.resize(model_.grid.experts);
}

void UseEstimator::start_lane(LaneId lane) {
  if (next_ != nullptr) next_->start_lane(lane);
  choices_.forget(lane);
  for (std::uint32_t l = 0; l < model_.grid.layers; ++l)
    uses_[lane.index() * model_.grid.layers + l].forget();
}

void UseEstimator::observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  if (next_ != nullptr) next_->observe(lane, layer, experts);
  choices_.choose(lane, layer, experts);
  uses_[lane.index() * model_.grid.layers + layer.index()].add(experts);
  if (std::find(observed_.begin(), observed_.end(), lane) == observed_.end()) observed_.push_back(lane);
}

std::span<const float> UseEstimator::estimate(LayerId layer) {
  const std::uint32_t experts = model_.grid.experts;
  std::fill(nobody_.begin(), nobody_.end(), 1.0F);
  for (const LaneId lane : observed_) add_lane(lane, layer);
  observed_.clear();
  if (next_ != nullptr) take_from_next(layer);
  for (std::uint32_t e = 0; e < experts; ++e) {
    const float later = std::max(later_min, 1.0F - nobody_[experts + e]);
    const float later_worth = worth_a_turn * later / (1.0F - worth_a_turn * (1.0F - later));
    const float worth = 1.0F - nobody_[e] * (1.0F - later_worth);
    turns_[e] = std::log(worth) / std::log(worth_a_turn);
  }
  return turns_;
}

void UseEstimator::take_from_next(LayerId layer) {
  if (!next_->forecast(layer, layer, by_next_)) return;
  for (std::uint32_t e = 0; e < model_.grid.experts; ++e) nobody_[e] = 1.0F - by_next_[e];
}

void UseEstimator::add_lane(LaneId lane, LayerId layer) {
  const std::uint32_t experts = model_.grid.experts;
  const LayerUses& uses = uses_[lane.index() * model_.grid.layers + layer.index()];
  for (std::uint32_t e = 0; e < experts; ++e) {
    const std::size_t at = model_.grid.index(layer, ExpertId{e}).index();
    const UseFeatures x = uses.features(ExpertId{e}, model_.popularity[at]);
    odds_[e] = dot(model_.next_weights, x) + model_.bias[at].next;
    odds_[experts + e] = dot(model_.later_weights, x) + model_.bias[at].later;
  }
  const LayerId first = model_.first_source(layer);
  for (std::uint32_t s = 0; s < model_.source_layers; ++s) {
    for (const ExpertId chosen : choices_.last(lane, LayerId{first.value + s})) {
      const std::span<const float> added = model_.added(layer, s, chosen);
      for (std::size_t i = 0; i < odds_.size(); ++i) odds_[i] += added[i];
    }
  }
  for (std::size_t i = 0; i < odds_.size(); ++i) nobody_[i] *= 1.0F - logistic(odds_[i]);
}

}  // namespace prophet
