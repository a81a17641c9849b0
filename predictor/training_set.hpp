#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "predictor/make_predictor.hpp"
#include "runtime/trace/routing_trace.hpp"

namespace prophet {

/// Consecutive rows of a trace that belong to one sequence.
struct TrainingSequence {
  std::uint64_t first_row = 0;
  std::uint32_t tokens = 0;  ///< at least 1
};

/// The sequences that a predictor may learn from, prompt tokens included; nothing else of the trace can be
/// reached through it. A view: the trace must outlive it.
class TrainingSet {
 public:
  /// Throws Error{usage} naming `predictor` when there is no trace or no sequence, the trace is not of the
  /// grid and top-k asked for, or a sequence is not in it.
  TrainingSet(std::string_view predictor, const PredictorOptions& options);

  [[nodiscard]] const TraceShape& shape() const noexcept { return trace_->shape(); }
  /// In the order given, at least one.
  [[nodiscard]] std::span<const TrainingSequence> sequences() const noexcept { return sequences_; }
  [[nodiscard]] std::uint64_t tokens() const noexcept { return tokens_; }

  /// What routers ahead said of its rows; null: not known.
  [[nodiscard]] const AheadChoices* ahead() const noexcept { return ahead_; }
  /// Writes what `row` chose at `layer`, [top_k]. REQUIRES: `row` belongs to one of sequences().
  void choices(std::uint64_t row, LayerId layer, std::span<ExpertId> experts) const {
    for (std::uint32_t rank = 0; rank < experts.size(); ++rank) {
      experts[rank] = trace_->expert(row, layer, rank);
    }
  }

 private:
  const RoutingTrace* trace_;
  const AheadChoices* ahead_;
  std::vector<TrainingSequence> sequences_;
  std::uint64_t tokens_ = 0;
};

}  // namespace prophet
