#include "predictor/transition_predictor.hpp"

#include <algorithm>
#include <cmath>

#include "predictor/layer_distance.hpp"

namespace prophet {
namespace {

/// Pairs (evidence, outcome) that one set of weights is fitted on, about.
constexpr std::uint64_t sample_pairs = 1U << 16;

/// A chance of 1 (top-k of as many experts) has no finite log odds.
float log_odds_of(float probability) {
  const float p = std::clamp(probability, 1e-6F, 1.0F - 1e-6F);
  return std::log(p / (1.0F - p));
}

}  // namespace

TransitionPredictor::TransitionPredictor(const TrainingSet& training, std::uint32_t lanes)
    : grid_(training.shape().grid),
      popularity_(training),
      evidence_(training),
      choices_(lanes, grid_.layers, training.shape().top_k),
      lanes_(lanes),
      score_(grid_.experts),
      any_lane_(grid_.experts) {
  prior_.reserve(grid_.size());
  for (std::uint32_t l = 0; l < grid_.layers; ++l) {
    for (const float p : popularity_.row(LayerId{l})) prior_.push_back(log_odds_of(p));
  }
  for (std::uint32_t distance = 1; distance <= std::min(distance_max, grid_.layers); ++distance) {
    for (std::uint32_t context = 1; context <= std::min(context_layers_max, grid_.layers); ++context) {
      weights(distance, context) = fit(training, distance, context);
    }
  }
}

void TransitionPredictor::start_lane(LaneId lane) {
  lanes_[lane.index()] = {true, LayerId{}, 0};
}

void TransitionPredictor::observe(LaneId lane, LayerId layer, std::span<const ExpertId> experts) {
  Lane& state = lanes_[lane.index()];
  const bool goes_on = state.depth > 0 && layer.value == state.layer.value + 1;
  // A prefill pass shows all its tokens at one layer before the next: the last of them is the context.
  const bool same_layer = state.depth > 0 && layer == state.layer;
  if (!same_layer) state.depth = goes_on ? state.depth + 1 : 1;
  state.layer = layer;
  state.runs = true;
  choices_.choose(lane, layer, experts);
}

bool TransitionPredictor::forecast(LayerId made_at, LayerId target, std::span<float> probability) {
  bool says_something = false;
  any_lane_.clear();
  for (std::uint32_t lane = 0; lane < lanes_.size(); ++lane) {
    if (!lanes_[lane].runs) continue;
    add_lane(LaneId{lane}, made_at, target);
    says_something = true;
  }
  if (says_something) any_lane_.write(probability);
  return says_something;
}

void TransitionPredictor::add_lane(LaneId lane, LayerId made_at, LayerId target) {
  const Lane& state = lanes_[lane.index()];
  const std::uint32_t distance = layer_distance(made_at, target, grid_.layers);
  const std::uint32_t context = state.layer == made_at ? std::min(state.depth, context_layers_max) : 0;
  if (context == 0 || distance > distance_max) {
    any_lane_.add(popularity_.row(target));
    return;
  }
  const LogisticWeights& weigh = weights(distance, context);
  const std::span<const float> log_odds = prior(target);
  for (std::size_t e = 0; e < score_.size(); ++e) score_[e] = weigh.bias + weigh.weight[0] * log_odds[e];
  for (std::uint32_t back = 0; back < context; ++back) {
    add_evidence(target, distance + back, choices_.last(lane, LayerId{made_at.value - back}),
                 weigh.weight[1 + back]);
  }
  for (float& score : score_) score = logistic(score);
  any_lane_.add(score_);
}

void TransitionPredictor::add_evidence(LayerId target, std::uint32_t delta, std::span<const ExpertId> chosen,
                                       float weight) {
  float* const score = score_.data();
  for (const ExpertId from : chosen) {
    const float* const row = evidence_.row(target, delta, from).data();
    for (std::size_t e = 0; e < grid_.experts; ++e) score[e] += weight * row[e];
  }
}

LogisticWeights TransitionPredictor::fit(const TrainingSet& training, std::uint32_t distance,
                                         std::uint32_t context) {
  const std::uint64_t forecasts = std::max<std::uint64_t>(sample_pairs / grid_.experts, 64);
  const std::uint64_t stride = std::max<std::uint64_t>(training.tokens() / forecasts, 1);
  // A short context stands at the front of a token; a whole one at any later layer, taken in turn.
  const std::uint32_t layers = context < context_layers_max ? 1 : grid_.layers - context + 1;
  Sample drawn;
  std::uint64_t next = 0;   // token, over all sequences
  std::uint64_t first = 0;  // the sequence's first
  std::uint32_t turn = 0;
  for (const TrainingSequence& sequence : training.sequences()) {
    for (; next < first + sequence.tokens; next += stride) {
      const LayerId made_at{context - 1 + turn++ % layers};
      const bool in_next_token = made_at.value + distance >= grid_.layers;
      if (in_next_token && next + 1 == first + sequence.tokens) continue;
      sample(training, sequence.first_row + (next - first), made_at, distance, context, drawn);
    }
    first += sequence.tokens;
  }
  return fit_logistic({context + 1, drawn.evidence, drawn.came_true});
}

void TransitionPredictor::sample(const TrainingSet& training, std::uint64_t row, LayerId made_at,
                                 std::uint32_t distance, std::uint32_t context, Sample& out) {
  const std::size_t pieces = context + 1;
  const std::uint32_t position = made_at.value + distance;
  const LayerId target{position % grid_.layers};
  const std::size_t at = out.came_true.size();
  out.came_true.resize(at + grid_.experts, 0);
  out.evidence.resize(out.came_true.size() * pieces);
  const auto write_piece = [&](std::size_t piece, std::span<const float> values) {
    for (std::size_t e = 0; e < grid_.experts; ++e) out.evidence[(at + e) * pieces + piece] = values[e];
  };
  write_piece(0, prior(target));
  std::vector<ExpertId> chosen(training.shape().top_k);
  for (std::uint32_t back = 0; back < context; ++back) {
    training.choices(row, LayerId{made_at.value - back}, chosen);
    std::fill(score_.begin(), score_.end(), 0.0F);
    add_evidence(target, distance + back, chosen, 1.0F);
    write_piece(1 + back, score_);
  }
  training.choices(row + position / grid_.layers, target, chosen);
  for (const ExpertId e : chosen) out.came_true[at + e.index()] = 1;
}

}  // namespace prophet
