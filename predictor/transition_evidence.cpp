#include "predictor/transition_evidence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "prophet/error.hpp"
#include "prophet/limits.hpp"
#include "runtime/base/checked.hpp"

namespace prophet {
namespace {

std::size_t checked_size(ExpertGrid grid) {
  constexpr std::string_view what = "transition table bytes";
  const std::uint64_t cells = checked_mul(checked_mul(grid.experts, grid.experts, what),
                                          std::uint64_t{grid.layers} * TransitionEvidence::delta_max, what);
  const std::uint64_t bytes = checked_mul(cells, sizeof(float), what);
  if (bytes > limits::transition_table_bytes_max) {
    throw Error(
        ErrorCode::usage,
        fmt::format("predictor transition: {} layers x {} experts need tables of {} bytes, expected at "
                    "most {}",
                    grid.layers, grid.experts, bytes, limits::transition_table_bytes_max));
  }
  return static_cast<std::size_t>(cells);
}

}  // namespace

TransitionEvidence::TransitionEvidence(const TrainingSet& training)
    : grid_(training.shape().grid), evidence_(checked_size(grid_), 0.0F) {
  for (const TrainingSequence& sequence : training.sequences()) count(training, sequence);
  const std::size_t cells = std::size_t{grid_.experts} * grid_.experts;
  for (std::size_t at = 0; at < evidence_.size(); at += cells) {
    counts_to_evidence(std::span(evidence_).subspan(at, cells), training.shape().top_k);
  }
}

void TransitionEvidence::count(const TrainingSet& training, const TrainingSequence& sequence) {
  const std::size_t top_k = training.shape().top_k;
  const std::uint64_t positions = std::uint64_t{sequence.tokens} * grid_.layers;
  std::vector<ExpertId> recent((delta_max + 1) * top_k);  // a ring: position p is at p % (delta_max + 1)
  const auto at = [&](std::uint64_t position) {
    return std::span(recent).subspan(static_cast<std::size_t>(position % (delta_max + 1)) * top_k, top_k);
  };
  for (std::uint64_t position = 0; position < positions; ++position) {
    const LayerId target{static_cast<std::uint32_t>(position % grid_.layers)};
    training.choices(sequence.first_row + position / grid_.layers, target, at(position));
    const auto reach = static_cast<std::uint32_t>(std::min<std::uint64_t>(delta_max, position));
    for (std::uint32_t delta = 1; delta <= reach; ++delta) {
      count_pairs(std::span(evidence_).subspan(offset(target, delta)), at(position - delta), at(position));
    }
  }
}

void TransitionEvidence::count_pairs(std::span<float> table, std::span<const ExpertId> from,
                                     std::span<const ExpertId> to) const {
  for (const ExpertId f : from) {
    const std::span<float> row = table.subspan(f.index() * grid_.experts, grid_.experts);
    for (const ExpertId t : to) row[t.index()] += 1.0F;
  }
}

void TransitionEvidence::counts_to_evidence(std::span<float> table, std::uint32_t top_k) const {
  const std::size_t experts = grid_.experts;
  std::vector<double> n_from(experts, 0.0);
  std::vector<double> n_to(experts, 0.0);
  double n = 0;  // every pair of layers adds top_k x top_k cells, every expert in it top_k
  for (std::size_t f = 0; f < experts; ++f) {
    for (std::size_t t = 0; t < experts; ++t) {
      const double share = static_cast<double>(table[f * experts + t]) / top_k;
      n_from[f] += share;
      n_to[t] += share;
      n += share / top_k;
    }
  }
  for (std::size_t f = 0; f < experts; ++f) {
    const double s = (n_from[f] + static_cast<double>(top_k) / grid_.experts) / (n + 1);
    for (std::size_t t = 0; t < experts; ++t) {
      float& cell = table[f * experts + t];
      const double with = (cell + s) / (n_to[t] + 1);
      // The sums above round: a difference that is 0 may come out a little below.
      const double without = (std::max(0.0, n_from[f] - cell) + s) / (std::max(0.0, n - n_to[t]) + 1);
      cell = static_cast<float>(std::log(with / without));
    }
  }
}

}  // namespace prophet
