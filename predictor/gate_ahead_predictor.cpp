#include "predictor/gate_ahead_predictor.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "prophet/error.hpp"

namespace prophet {
namespace {

/// Beyond it a margin says no more, and nothing overflows.
constexpr float margin_max = 1e4F;

std::uint32_t checked(std::uint32_t ahead_layers, const ExpertGrid& grid) {
  if (ahead_layers == 0) {
    throw Error(ErrorCode::usage,
                "predictor gate-ahead: applies routers to hidden states, which recorded routing has not: "
                "expected a live model (prophet generate, prophet eval-predictor --text), or --routers with "
                "a trace that was recorded with --hidden, and at least one layer ahead");
  }
  return std::min(ahead_layers, std::max(2U, grid.layers) - 1);
}

}  // namespace

GateAheadPredictor::GateAheadPredictor(ExpertGrid grid, std::uint32_t top_k, std::uint32_t lanes,
                                       std::uint32_t ahead_layers)
    : grid_(grid),
      top_k_(top_k),
      lanes_(lanes),
      ahead_layers_(checked(ahead_layers, grid)),
      words_(std::size_t{lanes} * (ahead_layers_ + 1) * (ahead_layers_ + 1)),
      margins_(words_.size() * grid.experts),
      fits_(std::size_t{grid.layers} * ahead_layers_),
      ordered_(grid.experts),
      one_lane_(grid.experts),
      came_true_(grid.experts, 0),
      any_lane_(grid.experts) {}

void GateAheadPredictor::start_lane(LaneId lane) {
  const std::size_t of_lane = std::size_t{ahead_layers_ + 1} * (ahead_layers_ + 1);
  std::fill_n(words_.begin() + static_cast<std::ptrdiff_t>(lane.index() * of_lane), of_lane, Word{});
}

void GateAheadPredictor::observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  if (layer_run_ == 0 || layer != layer_) ++layer_run_;
  layer_ = layer;
  for (const ExpertId e : experts) came_true_[e.index()] = 1;
  for (std::uint32_t distance = 0; distance <= ahead_layers_; ++distance) {
    const std::size_t word = at(lane, layer, distance);
    const bool is_of_this_layer = words_[word].stands && words_[word].target == layer;
    words_[word].stands = false;
    if (is_of_this_layer && distance != 0) fit(layer, distance).learn(margins(word), came_true_);
  }
  for (const ExpertId e : experts) came_true_[e.index()] = 0;
}

void GateAheadPredictor::observe_ahead(LaneId lane, LayerId made_at, LayerId target,
                                       std::span<const float> logits) {
  const std::size_t word = at(lane, target, target.value - made_at.value);
  words_[word] = {true, layer_run_, made_at, target};
  write_margins(logits, margins(word));
}

void GateAheadPredictor::write_margins(std::span<const float> logits, std::span<float> margins) {
  std::transform(logits.begin(), logits.end(), ordered_.begin(), [](float logit) {
    return std::isnan(logit) ? -margin_max : std::clamp(logit, -margin_max, margin_max);
  });
  std::copy(ordered_.begin(), ordered_.end(), margins.begin());
  const std::size_t k = std::min<std::size_t>(top_k_, grid_.experts);
  const auto kth = ordered_.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(ordered_.begin(), kth, ordered_.end(), std::greater<>{});
  const float next = k == ordered_.size() ? *kth : *std::max_element(kth + 1, ordered_.end());
  const float middle = (*kth + next) / 2;
  for (float& margin : margins) margin -= middle;
}

bool GateAheadPredictor::forecast(LayerId made_at, LayerId target, std::span<float> probability) {
  if (target < made_at || target.value - made_at.value > ahead_layers_) return false;
  bool says_something = false;
  any_lane_.clear();
  for (std::uint32_t lane = 0; lane < lanes_; ++lane) {
    const std::size_t word = at(LaneId{lane}, target, target.value - made_at.value);
    const Word& said = words_[word];
    if (!said.stands || said.layer_run != layer_run_) continue;
    if (said.target != target || said.made_at != made_at) continue;
    add_lane(word);
    says_something = true;
  }
  if (says_something) any_lane_.write(probability);
  return says_something;
}

void GateAheadPredictor::add_lane(std::size_t word) {
  const std::span<const float> margin = margins(word);
  const LayerId target = words_[word].target;
  const std::uint32_t distance = target.value - words_[word].made_at.value;
  if (distance != 0) {
    const RunningLogistic& probability = fit(target, distance);
    for (std::size_t e = 0; e < margin.size(); ++e) one_lane_[e] = probability(margin[e]);
    any_lane_.add(one_lane_);
    return;
  }
  // Of experts with equal logits around the k-th the lower ids are chosen: those above the middle, then in
  // order.
  std::size_t left = top_k_;
  for (const float m : margin) left -= m > 0 ? 1U : 0U;
  for (std::size_t e = 0; e < margin.size(); ++e) {
    const bool ties = margin[e] == 0 && left != 0;
    left -= ties ? 1U : 0U;
    if (margin[e] > 0 || ties) any_lane_.add(e, 1.0F);
  }
}

}  // namespace prophet
