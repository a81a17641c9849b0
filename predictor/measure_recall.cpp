#include "predictor/measure_recall.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace prophet {
namespace {

/// A chance of 0 or 1 that is wrong would cost infinitely much.
constexpr double chance_min = 1e-6;

class Measurement {
 public:
  Measurement(Predictor& predictor, const RoutingTrace& trace)
      : predictor_(predictor),
        trace_(trace),
        shape_(trace.shape()),
        chosen_(shape_.top_k),
        probability_(shape_.grid.experts),
        order_(shape_.grid.experts) {}

  void replay(const SequenceInfo& sequence, std::span<RecallAhead> recalls) {
    predictor_.start_lane(LaneId{0});
    const std::uint64_t end = sequence.first_token + sequence.tokens;
    for (std::uint64_t row = sequence.first_token; row < end; ++row) {
      for (std::uint32_t l = 0; l < shape_.grid.layers; ++l) {
        for (std::uint32_t r = 0; r < shape_.top_k; ++r) chosen_[r] = trace_.expert(row, LayerId{l}, r);
        predictor_.observe(LaneId{0}, LayerId{l}, chosen_);
        for (RecallAhead& recall : recalls) {
          const std::uint64_t came = row + (l + recall.ahead) / shape_.grid.layers;
          if (came < end) compare(LayerId{l}, came, recall);
        }
      }
    }
  }

 private:
  void compare(LayerId made_at, std::uint64_t row, RecallAhead& of) {
    const LayerId target{(made_at.value + of.ahead) % shape_.grid.layers};
    Recall& recall = target > made_at ? of.within : of.across;
    if (!predictor_.forecast(made_at, target, probability_)) {
      ++recall.silent;
      return;
    }
    ++recall.forecasts;
    recall.wanted += shape_.top_k;
    std::iota(order_.begin(), order_.end(), 0U);
    const std::size_t ranks = std::min<std::size_t>(2 * std::size_t{shape_.top_k}, order_.size());
    std::partial_sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(ranks), order_.end(),
                      [&](std::uint32_t a, std::uint32_t b) {
                        return probability_[a] != probability_[b] ? probability_[a] > probability_[b] : a < b;
                      });
    for (const float p : probability_) recall.cross_entropy -= std::log1p(-bounded(p));
    for (std::uint32_t r = 0; r < shape_.top_k; ++r) {
      const std::uint32_t expert = trace_.expert(row, target, r).value;
      const double p = bounded(probability_[expert]);
      recall.cross_entropy += std::log1p(-p) - std::log(p);
      const auto rank = static_cast<std::size_t>(
          std::find(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(ranks), expert) -
          order_.begin());
      recall.at_k += rank < shape_.top_k ? 1U : 0U;
      recall.at_2k += rank < ranks ? 1U : 0U;
    }
  }

  static double bounded(float p) { return std::clamp(double{p}, chance_min, 1 - chance_min); }

  Predictor& predictor_;
  const RoutingTrace& trace_;
  const TraceShape& shape_;
  std::vector<ExpertId> chosen_;
  std::vector<float> probability_;
  std::vector<std::uint32_t> order_;
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
                                        std::span<const SequenceId> sequences,
                                        std::uint32_t lookahead_layers) {
  std::vector<RecallAhead> recalls(lookahead_layers);
  for (std::uint32_t i = 0; i < lookahead_layers; ++i) recalls[i].ahead = i + 1;
  Measurement measurement(predictor, trace);
  for (const SequenceId id : sequences) measurement.replay(trace.sequences()[id.index()], recalls);
  return recalls;
}

}  // namespace prophet
