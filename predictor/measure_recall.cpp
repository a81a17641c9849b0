#include "predictor/measure_recall.hpp"

#include <algorithm>
#include <cmath>

#include "predictor/forecast_counts.hpp"

namespace prophet {
namespace {

/// A chance of 0 or 1 that is wrong would cost infinitely much.
constexpr double chance_min = 1e-6;

class Measurement {
 public:
  Measurement(Predictor& predictor, const RoutingTrace& trace, const AheadChoices* ahead)
      : predictor_(predictor),
        trace_(trace),
        ahead_(ahead),
        shape_(trace.shape()),
        chosen_(shape_.top_k),
        probability_(shape_.grid.experts),
        named_(shape_.grid.experts),
        is_wanted_(shape_.grid.experts, 0),
        logits_(shape_.grid.experts) {}

  void replay(const SequenceInfo& sequence, std::span<RecallAhead> recalls) {
    predictor_.start_lane(LaneId{0});
    const std::uint64_t end = sequence.first_token + sequence.tokens;
    for (std::uint64_t row = sequence.first_token; row < end; ++row) {
      for (std::uint32_t l = 0; l < shape_.grid.layers; ++l) {
        for (std::uint32_t r = 0; r < shape_.top_k; ++r) chosen_[r] = trace_.expert(row, LayerId{l}, r);
        predictor_.observe(LaneId{0}, LayerId{l}, chosen_);
        if (ahead_ != nullptr) tell_ahead(row, LayerId{l});
        for (RecallAhead& recall : recalls) {
          const std::uint64_t came = row + (l + recall.ahead) / shape_.grid.layers;
          if (came < end) compare(LayerId{l}, came, recall);
        }
      }
    }
  }

 private:
  /// By logits that stand in the routers' order of choice.
  void tell_ahead(std::uint64_t row, LayerId made_at) {
    const std::uint32_t told = std::min(ahead_->lookahead_layers, predictor_.wants_ahead());
    for (std::uint32_t ahead = 1; ahead <= told && made_at.value + ahead < shape_.grid.layers; ++ahead) {
      const std::span<const std::uint16_t> ranked = ahead_->of(row, made_at, ahead);
      if (ranked.front() == AheadChoices::none) continue;
      std::fill(logits_.begin(), logits_.end(), -static_cast<float>(ranked.size()));
      for (std::size_t rank = 0; rank < ranked.size(); ++rank)
        logits_[ranked[rank]] = -static_cast<float>(rank);
      predictor_.observe_ahead(LaneId{0}, made_at, LayerId{made_at.value + ahead}, logits_);
    }
  }

  void compare(LayerId made_at, std::uint64_t row, RecallAhead& of) {
    const LayerId target{(made_at.value + of.ahead) % shape_.grid.layers};
    Recall& recall = target > made_at ? of.within : of.across;
    if (!predictor_.forecast(made_at, target, probability_)) {
      ++recall.silent;
      return;
    }
    ++recall.forecasts;
    for (std::uint32_t e = 0; e < probability_.size(); ++e) named_[e] = {ExpertId{e}, probability_[e], false};
    rank_most_probable(named_, 2 * std::size_t{shape_.top_k});
    for (const float p : probability_) recall.cross_entropy -= std::log1p(-bounded(p));
    for (std::uint32_t r = 0; r < shape_.top_k; ++r) {
      chosen_[r] = trace_.expert(row, target, r);
      const double p = bounded(probability_[chosen_[r].index()]);
      recall.cross_entropy += std::log1p(-p) - std::log(p);
    }
    for (const ExpertId expert : chosen_) is_wanted_[expert.index()] = 1;
    const ForecastCounts counts = count_at_k(named_, is_wanted_, shape_.top_k);
    for (const ExpertId expert : chosen_) is_wanted_[expert.index()] = 0;
    recall.wanted += counts.wanted;
    recall.at_k += counts.recalled_at_k;
    recall.at_2k += counts.recalled_at_2k;
  }

  static double bounded(float p) { return std::clamp(double{p}, chance_min, 1 - chance_min); }

  Predictor& predictor_;
  const RoutingTrace& trace_;
  const AheadChoices* ahead_;
  const TraceShape& shape_;
  std::vector<ExpertId> chosen_;
  std::vector<float> probability_;
  std::vector<NamedExpert> named_;
  std::vector<std::uint8_t> is_wanted_;  ///< [experts] by the row at hand
  std::vector<float> logits_;            ///< [experts]
};

}  // namespace

Recall& Recall::operator+=(const Recall& other) noexcept {
  forecasts += other.forecasts;
  silent += other.silent;
  wanted += other.wanted;
  at_k += other.at_k;
  at_2k += other.at_2k;
  cross_entropy += other.cross_entropy;
  return *this;
}

std::vector<RecallAhead> measure_recall(Predictor& predictor, const RoutingTrace& trace,
                                        std::span<const SequenceId> sequences, std::uint32_t lookahead_layers,
                                        const AheadChoices* ahead) {
  std::vector<RecallAhead> recalls(lookahead_layers);
  for (std::uint32_t i = 0; i < lookahead_layers; ++i) recalls[i].ahead = i + 1;
  Measurement measurement(predictor, trace, ahead);
  for (const SequenceId id : sequences) measurement.replay(trace.sequences()[id.index()], recalls);
  return recalls;
}

}  // namespace prophet
