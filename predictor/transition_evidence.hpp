#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "predictor/training_set.hpp"
#include "prophet/expert_grid.hpp"

namespace prophet {

/// How much the choice of one expert speaks for or against another one a few layers later, from counts over
/// training sequences: evidence [layers, delta_max, experts, experts] of (target layer, layers between, from,
/// to). With n pairs of layers counted, of which n_from and n_to had the one and the other, and n_both both:
///
///   log((n_both + s) / (n_to + 1)) - log((n_from - n_both + s) / (n - n_to + 1)),
///   s = (n_from + top_k / experts) / (n + 1)
///
/// which is the log ratio of P(from | to) to P(from | not to), each smoothed by one pseudo-token that knows
/// nothing of `to`. Where a sequence goes on, the last layers of a token are followed by the next token's
/// first.
class TransitionEvidence {
 public:
  static constexpr std::uint32_t delta_max = 5;

  /// Throws Error{usage} when the table would exceed limits::transition_table_bytes_max.
  explicit TransitionEvidence(const TrainingSet& training);

  /// [experts]: what `from`, chosen `delta` layers before `target`, says of each expert of `target`.
  /// REQUIRES: 1 <= delta <= delta_max.
  [[nodiscard]] std::span<const float> row(LayerId target, std::uint32_t delta,
                                           ExpertId from) const noexcept {
    return std::span(evidence_).subspan(offset(target, delta) + from.index() * grid_.experts, grid_.experts);
  }

 private:
  [[nodiscard]] std::size_t offset(LayerId target, std::uint32_t delta) const noexcept {
    return (target.index() * delta_max + delta - 1) * grid_.experts * grid_.experts;
  }
  void count(const TrainingSet& training, const TrainingSequence& sequence);
  void count_pairs(std::span<float> table, std::span<const ExpertId> from,
                   std::span<const ExpertId> to) const;
  void counts_to_evidence(std::span<float> table, std::uint32_t top_k) const;

  ExpertGrid grid_;
  std::vector<float> evidence_;
};

}  // namespace prophet
