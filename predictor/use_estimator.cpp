#include "predictor/use_estimator.hpp"

#include <algorithm>
#include <cmath>

#include "predictor/logistic_fit.hpp"
#include "predictor/mlp/descent.hpp"

namespace prophet {
namespace {

/// Of later turns an expert is wanted in at least this share: once in so many tokens that it does not matter.
constexpr float later_min = 1e-4F;
/// What a use one turn later is worth to a cache that could give the slab to another meanwhile. Of the
/// gpt-oss trace's gap to a clairvoyant cache 0.5 to 0.7 close the most, 2 points more than 1
/// (docs/forecasting.md).
constexpr float worth_a_turn = 0.6F;

}  // namespace

UseEstimator::UseEstimator(const UseModel& model, std::uint32_t lanes)
    : model_(model),
      choices_(lanes, model.grid.layers, model.top_k),
      before_(lanes, model.grid.layers, model.top_k),
      uses_(std::size_t{lanes} * model.grid.layers, LayerUses(model.grid.experts)),
      odds_(2 * std::size_t{model.grid.experts}),
      units_(model.hidden.units),
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
  before_.forget(lane);
  for (std::uint32_t l = 0; l < model_.grid.layers; ++l)
    uses_[lane.index() * model_.grid.layers + l].forget();
}

void UseEstimator::observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  if (next_ != nullptr) next_->observe(lane, layer, experts);
  before_.choose(lane, layer, choices_.last(lane, layer));
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
  const UseWeights& weights = model_.weights[layer.index()];
  for (std::uint32_t e = 0; e < experts; ++e) {
    const std::size_t at = model_.grid.index(layer, ExpertId{e}).index();
    const UseFeatures x = uses.features(ExpertId{e}, model_.popularity[at]);
    odds_[e] = weigh(weights.next, x) + model_.bias[at].next;
    odds_[experts + e] = weigh(weights.later, x) + model_.bias[at].later;
  }
  const LayerId first = model_.first_source(layer);
  for (std::uint32_t s = 0; s < model_.source_layers; ++s) {
    for (const ExpertId chosen : choices_.last(lane, LayerId{first.value + s})) {
      const std::span<const float> added = model_.added(layer, s, chosen);
      for (std::size_t i = 0; i < odds_.size(); ++i) odds_[i] += added[i];
    }
  }
  if (model_.hidden.units != 0) add_hidden(lane, layer);
  for (std::size_t i = 0; i < odds_.size(); ++i) nobody_[i] *= 1.0F - logistic(odds_[i]);
}

void UseEstimator::add_hidden(LaneId lane, LayerId layer) {
  const UseHidden& hidden = model_.hidden;
  const float* const w1 = hidden.w1.data() + layer.index() * use_inputs(model_.grid) * units_.size();
  const float* const b1 = hidden.b1.data() + layer.index() * units_.size();
  const float* const w2 = hidden.w2.data() + layer.index() * units_.size() * odds_.size();
  std::copy_n(b1, units_.size(), units_.begin());
  for (std::uint32_t lag = 0; lag < UseHidden::lags; ++lag) {
    for (std::uint32_t source = 0; source < model_.grid.layers; ++source) {
      const LaneChoices& choices = lag == 0 ? choices_ : before_;
      name_use_inputs(model_.grid, lag, LayerId{source}, choices.last(lane, LayerId{source}),
                      [&](std::size_t input, float value) {
                        descent::add(units_.data(), w1 + input * units_.size(), value, units_.size());
                      });
    }
  }
  for (std::size_t j = 0; j < units_.size(); ++j) {
    if (units_[j] > 0) descent::add(odds_.data(), w2 + j * odds_.size(), units_[j], odds_.size());
  }
}

}  // namespace prophet
